// A chart of a table: every number that is drawn stands in a cell, so chart and table cannot disagree.
//
// A row gives `data-x` (microseconds, or the row's place where `data-axis` is "label"), `data-value` and perhaps
// `data-low`, `data-high`; where a table has several values, `data-values` of the chart names its own: `data-blink`,
// `data-blink-low`. Empty is nothing measured. Arrow keys go from value to value and say each.

import uPlot from "../../vendor/uplot/1.6.32/uPlot.esm.js";
import { colours, FONT, onColoursChanged } from "../colours.js";
import { axisNumber, clock, duration, number } from "../words.js";
import { moment } from "./charts.js";

const LEFT = 56;
const LETTER = 6.5;

/** Rows of a table as columns: x, values, low, high, and the words for each row; `name` picks one of several values. */
export function readTable(table, axis, name = "value") {
  const rows = [...table.querySelectorAll("tbody tr[data-x]")];
  const column = (name) => rows.map((row) => (row.dataset[name] ? Number(row.dataset[name]) : null));
  const isLabel = axis === "label";
  const ends = name === "value" ? { low: "low", high: "high" } : { low: `${name}Low`, high: `${name}High` };
  const x = rows.map((row, at) => {
    if (isLabel) return at;
    // A point stands in the middle of the time it sums up.
    return (Number(row.dataset.x) + Number(row.dataset.xStop || row.dataset.x)) / 2e6;
  });
  const labels = rows.map((row) => (isLabel ? row.dataset.label || row.cells[0].textContent.trim() : clock(Number(row.dataset.x))));
  const spans = rows.map((row) => (row.dataset.xStop ? Number(row.dataset.xStop) - Number(row.dataset.x) : 0));
  return { x, labels, spans, value: column(name), low: column(ends.low), high: column(ends.high) };
}

export class TableChart {
  constructor(container) {
    this.container = container;
    this.words = document.getElementById(container.id.replace("chart-", "value-"));
    this.data = readTable(document.getElementById(container.dataset.table), container.dataset.axis, container.dataset.values);
    this.colour = container.dataset.colour || "accent";
    this.unit = container.dataset.unit || "";
    this.at = null;
    container.classList.remove("is-loading");
    this.plot = new uPlot(this.#options(), this.#columns(), container);
    new ResizeObserver(() => this.#fit()).observe(container);
    onColoursChanged(() => this.plot.redraw(false));
    container.addEventListener("keydown", (event) => this.#key(event));
  }

  #columns() {
    const { x, value, low, high } = this.data;
    return this.container.dataset.kind === "band" ? [x, high, low, value] : [x, value];
  }

  #fit() {
    const width = this.container.clientWidth;
    if (width && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
  }

  #options() {
    const stroke = () => colours[this.colour];
    const isBand = this.container.dataset.kind === "band";
    const none = { stroke: () => "transparent", width: 0, points: { show: false } };
    const line = { stroke, width: 2, points: { show: true, size: 6, fill: stroke } };
    const bars = { stroke, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.62, 48] }) };
    return {
      width: this.container.clientWidth || 600,
      height: Number(this.container.dataset.height) || 200,
      legend: { show: false },
      padding: [10, 20, 0, 0],
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      scales: { x: { time: false, range: (_plot, low, high) => this.#reach(low, high) }, y: { range: (_plot, low, high) => this.#span(low, high) } },
      series: isBand ? [{}, none, none, line] : [{}, bars],
      bands: isBand ? [{ series: [1, 2], fill: () => faded(colours[this.colour]) }] : [],
      axes: [this.#xAxis(), this.#yAxis()],
      hooks: {
        setCursor: [(plot) => this.#say(plot.cursor.left >= 0 ? plot.cursor.idx : null)],
        draw: [(plot) => { this.#baseline(plot); this.#whiskers(plot); this.#mark(plot); }],
      },
    };
  }

  #reach(low, high) {
    if (this.container.dataset.axis === "label") return [-0.6, Math.max(0.6, this.data.x.length - 0.4)];
    return low === high ? [low - 60, high + 60] : [low, high];
  }

  #span(low, high) {
    const base = this.#baselineOf();
    const least = 1.08 * Math.min(0, low ?? 0, base?.low ?? 0, Number(this.container.dataset.least) || 0);
    const most = Math.max(high ?? 0, base?.high ?? 0, Number(this.container.dataset.most) || 0);
    return [least, most > 0 ? most * 1.08 : 1];
  }

  #xAxis() {
    const isLabel = this.container.dataset.axis === "label";
    const { labels } = this.data;
    const width = 12 + LETTER * Math.max(...labels.map((label) => label.length));
    const every = (plot) => Math.max(1, Math.ceil((labels.length * width) / Math.max(1, plot.width - LEFT)));
    return {
      stroke: () => colours.muted,
      font: FONT,
      grid: { show: !isLabel, stroke: () => colours.line, width: 1 },
      ticks: { show: false },
      size: 30,
      space: 60,
      ...(isLabel
        ? { splits: () => this.data.x, values: (plot) => labels.map((label, at) => (at % every(plot) ? "" : label)) }
        : { values: (plot, splits) => splits.map((s) => moment(s, plot.scales.x.max - plot.scales.x.min)), incrs: [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400] }),
    };
  }

  #yAxis() {
    return {
      stroke: () => colours.muted,
      font: FONT,
      grid: { stroke: () => colours.line, width: 1 },
      ticks: { show: false },
      size: LEFT,
      space: 36,
      values: (_plot, splits) => splits.map((v) => axisNumber(v)),
    };
  }

  #baselineOf() {
    const { base, baseLow, baseHigh } = this.container.dataset;
    return base ? { value: Number(base), low: Number(baseLow || base), high: Number(baseHigh || base) } : null;
  }

  /** The person's own usual range, behind the values. */
  #baseline(plot) {
    const base = this.#baselineOf();
    if (!base) return;
    const { ctx, bbox } = plot;
    const [top, middle, bottom] = [base.high, base.value, base.low].map((v) => plot.valToPos(v, "y", true));
    ctx.save();
    ctx.globalCompositeOperation = "destination-over";
    ctx.globalAlpha = 0.16;
    ctx.fillStyle = colours.muted;
    ctx.fillRect(bbox.left, top, bbox.width, Math.max(1, bottom - top));
    ctx.globalCompositeOperation = "source-over";
    ctx.globalAlpha = 1;
    ctx.strokeStyle = colours.muted;
    ctx.setLineDash([6 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, middle);
    ctx.lineTo(bbox.left + bbox.width, middle);
    ctx.stroke();
    ctx.restore();
  }

  /** The range of a value that stands alone, where there is no neighbour to draw a band to. */
  #whiskers(plot) {
    const { x, value, low, high } = this.data;
    if (this.container.dataset.kind !== "band") return;
    const isThere = (at) => (value[at] ?? null) !== null;
    const alone = x.map((_x, at) => at).filter((at) => isThere(at) && low[at] !== null && !isThere(at - 1) && !isThere(at + 1));
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = colours[this.colour];
    ctx.lineWidth = 2 * uPlot.pxRatio;
    ctx.beginPath();
    for (const at of alone) {
      const [left, top, bottom] = [plot.valToPos(x[at], "x", true), plot.valToPos(high[at], "y", true), plot.valToPos(low[at], "y", true)];
      const half = 6 * uPlot.pxRatio;
      for (const [fromX, fromY, toX, toY] of [[left, top, left, bottom], [left - half, top, left + half, top], [left - half, bottom, left + half, bottom]]) {
        ctx.moveTo(fromX, fromY);
        ctx.lineTo(toX, toY);
      }
    }
    ctx.stroke();
    ctx.restore();
  }

  #mark(plot) {
    if (this.at === null || this.data.value[this.at] === null) return;
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = colours.ink;
    ctx.lineWidth = 2 * uPlot.pxRatio;
    ctx.beginPath();
    ctx.arc(plot.valToPos(this.data.x[this.at], "x", true), plot.valToPos(this.data.value[this.at], "y", true), 6 * uPlot.pxRatio, 0, 2 * Math.PI);
    ctx.stroke();
    ctx.restore();
  }

  #say(at) {
    if (!this.words) return;
    this.words.textContent = at === null || at === undefined ? "" : this.wordsOf(at);
  }

  wordsOf(at) {
    const { value, low, high, labels, spans } = this.data;
    const where = spans[at] ? `${labels[at]}, ${duration(spans[at])}` : labels[at];
    if (value[at] === null) return `${where}: not known`;
    const range = low[at] === null ? "" : ` (${number(low[at], value[at])} to ${number(high[at], value[at])})`;
    return `${where}: ${number(value[at])}${this.unit ? ` ${this.unit}` : ""}${range}`;
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || !this.data.x.length) return;
    event.preventDefault();
    const last = this.data.x.length - 1;
    this.at = this.at === null ? (step > 0 ? 0 : last) : Math.min(last, Math.max(0, this.at + step));
    this.#say(this.at);
    this.plot.redraw(false);
  }
}

function faded(colour) {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour);
  return hex ? `${colour}38` : colour;
}

/** Draw every chart of a table on the page. */
export function drawTableCharts() {
  for (const container of document.querySelectorAll(".table-chart")) new TableChart(container);
}
