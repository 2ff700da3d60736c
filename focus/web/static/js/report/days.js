// Pages of days, weeks and comparisons: charts of their tables.

import { addDownloads } from "./download.js";
import { showEyeStrain } from "./eye_strain.js";
import { drawTableCharts } from "./table_chart.js";

drawTableCharts();
showEyeStrain();
addDownloads();
