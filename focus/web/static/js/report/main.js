// The timeline of a report: fetches the stretch that is on the screen, draws it, and moves it with mouse and keyboard.

import { clock, duration } from "../words.js";
import { EventChart, SignalChart } from "./charts.js";
import { addDownloads } from "./download.js";
import { showEyeStrain } from "./eye_strain.js";
import { GazeMap } from "./gaze_map.js";
import { clampSpan, firstSpan, gapOf, withOpenEyes } from "./series.js";
import { drawTableCharts } from "./table_chart.js";
import { fillTable } from "./timeline_table.js";

const byId = (id) => document.getElementById(id);
const root = byId("timeline");
const whole = { start_us: Number(root.dataset.startUs), stop_us: Number(root.dataset.stopUs) };
const rate_hz = Number(root.dataset.rateHz) || 30;
const hasGaze = root.dataset.hasGaze !== undefined;
const heads = JSON.parse(root.dataset.heads);
const kindsThere = new Set();
const charts = [];
let span = firstSpan(whole, root.dataset.open !== undefined);
let request = null;
const map = new GazeMap(byId("gaze-map"));
const pupilBaseline = Number(root.dataset.pupilBaseline) || null;

const listener = {
  onSelect: (stretch) => go(stretch ? { start_us: stretch[0], stop_us: stretch[1] } : whole),
  onHover: (x) => { for (const chart of charts) chart.hover(x); },
};

for (const container of root.querySelectorAll(".plot")) {
  const name = container.dataset.chart;
  const value = byId(`value-${name}`);
  charts.push(name === "events" ? new EventChart(container, value, listener) : new SignalChart(container, name, value, { ...listener, baseline: name === "pupil" ? pupilBaseline : null }));
}

function go(wanted) {
  span = clampSpan(wanted.start_us, wanted.stop_us, whole);
  load();
  map.load(isAll() ? null : span);
}

function isAll() {
  return span.start_us <= whole.start_us && span.stop_us >= whole.stop_us;
}

async function load() {
  request?.abort();
  request = new AbortController();
  root.classList.add("is-fetching");
  const width = Math.max(300, byId("charts").clientWidth - 100);
  const frames = ((span.stop_us - span.start_us) / 1e6) * rate_hz;
  // Few frames are asked for one by one (two columns a frame part any two frames), many as one column a pixel.
  const points = frames <= 2 * width ? Math.max(20, Math.min(Math.ceil(2 * frames), 5000)) : Math.round(width);
  const query = new URLSearchParams({ ...span, points });
  try {
    const response = await fetch(`${root.dataset.url}?${query}`, { signal: request.signal, headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error((await response.json()).detail || response.statusText);
    show(await response.json());
  } catch (error) {
    if (error.name === "AbortError") return;
    const box = byId("timeline-trouble");
    box.hidden = false;
    box.textContent = `The timeline could not be loaded: ${error.message}. Reload the page to try again.`;
    root.classList.remove("is-fetching");
  }
}

function show(timeline) {
  root.classList.remove("is-fetching");
  byId("timeline-trouble").hidden = true;
  byId("thinned").hidden = !timeline.is_thinned;
  byId("summed").hidden = !timeline.summed;
  const digits = span.stop_us - span.start_us < 20e6 ? 2 : 0;
  byId("span-shown").textContent =
    `From ${clock(timeline.start_us, digits)} to ${clock(timeline.stop_us, digits)}: ${duration(timeline.stop_us - timeline.start_us)}.`;
  const gap_us = gapOf(timeline, rate_hz);
  const shown = hasGaze ? timeline : withOpenEyes(timeline, gap_us);
  for (const chart of charts) chart.draw(shown, chart instanceof EventChart ? kindsThere : gap_us);
  fillTable(byId("timeline-table"), shown, heads);
  byId("all").disabled = byId("wider").disabled = isAll();
  byId("earlier").disabled = span.start_us <= whole.start_us;
  byId("later").disabled = span.stop_us >= whole.stop_us;
  root.dataset.shown = `${timeline.start_us}-${timeline.stop_us}`;
}

function move(part) {
  const by = part * (span.stop_us - span.start_us);
  go({ start_us: span.start_us + by, stop_us: span.stop_us + by });
}

function zoom(factor) {
  const middle = (span.start_us + span.stop_us) / 2;
  const half = (factor * (span.stop_us - span.start_us)) / 2;
  go({ start_us: middle - half, stop_us: middle + half });
}

const actions = {
  earlier: () => move(-0.5),
  later: () => move(0.5),
  closer: () => zoom(0.5),
  wider: () => zoom(2),
  all: () => go(whole),
};
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);

for (const button of document.querySelectorAll("#pages-table button")) {
  button.addEventListener("click", () => {
    go({ start_us: Number(button.dataset.startUs), stop_us: Number(button.dataset.stopUs) });
    root.scrollIntoView({ block: "start" });
  });
}

const keys = { ArrowLeft: "earlier", ArrowRight: "later", "+": "closer", "=": "closer", "-": "wider", 0: "all" };
root.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  event.preventDefault();
  actions[keys[event.key]]();
});

load();
map.load(isAll() ? null : span);
drawTableCharts();
showEyeStrain();
addDownloads();

// Frames that are still being analysed: look again until they are done, then show the whole report anew.
const PAUSE_MS = 1500;

async function waitForAnalysis() {
  const address = root.dataset.url.replace(/\/timeline$/, "");
  const response = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  if (response?.ok && (await response.json()).pending === 0) location.reload();
  else setTimeout(waitForAnalysis, PAUSE_MS);
}
if (document.querySelector("[data-pending]")) setTimeout(waitForAnalysis, PAUSE_MS);
