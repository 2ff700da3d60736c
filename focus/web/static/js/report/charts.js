// The linked charts of a report: uPlot with one time axis, its cursor shared.

import uPlot from "../../vendor/uplot/1.6.32/uPlot.esm.js";
import { colours, FONT, onColoursChanged } from "../colours.js";
import { axisNumber, clock, number, STATE_WORDS } from "../words.js";
import { columnsOf, gapsOf, valuesAt } from "./series.js";

const LEFT = 92;
const SYNC = uPlot.sync("timeline");

export const CHARTS = {
  gaze: { height: 170, series: ["gaze_x", "gaze_y"], names: ["x", "y"], colour: ["gaze-x", "gaze-y"] },
  openness: { height: 120, series: ["openness"], names: [""], colour: ["openness"] },
  pupil: { height: 120, series: ["pupil"], names: [""], colour: ["pupil"] },
};

const ROWS = [
  ["State", null],
  ["Blinks", "blink"],
  ["Long closures", "closure"],
  ["Fixations", "fixation"],
  ["Saccades", "saccade"],
  ["Pursuits", "pursuit"],
  ["Track losses", "track_loss"],
];

function digitsFor(span_s) {
  return span_s < 0.5 ? 3 : span_s < 3 ? 2 : span_s < 20 ? 1 : 0;
}

/** A moment beside the axis: minutes and seconds, or hours and minutes where hours are shown. */
export function moment(s, span_s) {
  if (span_s <= 7200) return clock(s * 1e6, digitsFor(span_s));
  const minutes = Math.round(s / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
}

function timeAxis(isLast) {
  return {
    show: true,
    stroke: () => colours.muted,
    font: FONT,
    grid: { stroke: () => colours.line, width: 1 },
    ticks: { show: false },
    size: isLast ? 30 : 10,
    space: 70,
    incrs: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200],
    values: isLast
      ? (plot, splits) => splits.map((s) => moment(s, plot.scales.x.max - plot.scales.x.min))
      : () => [],
  };
}

function base(width, height, { isLast, onSelect, onHover }) {
  return {
    width,
    height,
    legend: { show: false },
    padding: [6, 24, 0, 0],
    cursor: {
      sync: { key: SYNC.key, setSeries: false },
      drag: { x: true, y: false, setScale: false, dist: 6 },
      y: false,
      points: { show: false },
      bind: { dblclick: () => () => { onSelect(null); return null; } },
    },
    scales: { x: { time: false, auto: false } },
    axes: [timeAxis(isLast)],
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width < 6) return;
          const from = plot.posToVal(plot.select.left, "x");
          const to = plot.posToVal(plot.select.left + plot.select.width, "x");
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          onSelect([from * 1e6, to * 1e6]);
        },
      ],
      setCursor: [(plot) => onHover(plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null)],
    },
  };
}

class Chart {
  constructor(container) {
    this.container = container;
    this.plot = null;
    new ResizeObserver(() => this.#fit()).observe(container);
    onColoursChanged(() => this.plot?.redraw(false));
  }

  #fit() {
    if (this.plot && this.container.clientWidth && this.container.clientWidth !== this.plot.width) {
      this.plot.setSize({ width: this.container.clientWidth, height: this.plot.height });
    }
  }

  show(options, columns, timeline) {
    this.container.classList.remove("is-loading");
    const scale = { min: timeline.start_us / 1e6, max: timeline.stop_us / 1e6 };
    if (!this.plot) this.plot = new uPlot(options(), columns, this.container);
    this.plot.batch(() => {
      this.plot.setData(columns, false);
      this.plot.setScale("x", scale);
    });
  }
}

/** One or two signals, drawn as the band between lowest and highest value. */
export class SignalChart extends Chart {
  constructor(container, name, value, listener) {
    super(container);
    this.name = name;
    this.value = value;
    this.listener = listener;
    this.columns = [[]];
  }

  draw(timeline, gap_us) {
    const spec = CHARTS[this.name];
    this.columns = columnsOf(timeline, spec.series, gap_us);
    this.timeline = timeline;
    this.gaps = this.name === "pupil" ? gapsOf(timeline, this.name, gap_us) : [];
    this.within = Math.max(gap_us, (timeline.stop_us - timeline.start_us) / 200) / 1e6;
    this.show(() => this.#options(spec), this.columns, timeline);
  }

  #options(spec) {
    const options = base(this.container.clientWidth, spec.height, { isLast: false, ...this.listener });
    options.series = [{}];
    options.bands = [];
    spec.series.forEach((_series, k) => {
      const stroke = () => colours[spec.colour[k]] + (this.timeline.summed && spec.series.length > 1 ? "60" : "");
      options.series.push({ stroke, width: 1.2, points: { show: false } }, { stroke, width: 1.2, points: { show: false } });
      // Where two signals share a chart, neither may hide the other.
      const fill = () => colours[spec.colour[k]] + (spec.series.length > 1 ? "80" : "");
      options.bands.push({ series: [2 * k + 2, 2 * k + 1], fill });
    });
    options.scales.y = { range: (plot, low, high) => padded(low, high, this.name === "openness") };
    if (this.name === "pupil") {
      options.hooks.drawAxes = [(plot) => this.#behind(plot)];
      options.hooks.draw = [(plot) => this.#baseline(plot)];
    }
    options.axes.push({
      stroke: () => colours.muted,
      font: FONT,
      grid: { stroke: () => colours.line, width: 1 },
      ticks: { show: false },
      size: LEFT,
      space: 34,
      values: (_plot, splits) => splits.map((v) => axisNumber(v)),
    });
    return options;
  }

  /** Stretches without a value, and blinks, behind the line: shown, not bridged. */
  #behind(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const bar = (from_us, to_us, colour, alpha) => {
      const left = plot.valToPos(from_us / 1e6, "x", true);
      const right = plot.valToPos(to_us / 1e6, "x", true);
      ctx.globalAlpha = alpha;
      ctx.fillStyle = colour;
      ctx.fillRect(left, bbox.top, Math.max(right - left, uPlot.pxRatio), bbox.height);
    };
    for (const [from_us, to_us] of this.gaps) bar(from_us, to_us, colours.lost, 0.22);
    for (const event of this.timeline.events) {
      if (event.kind === "blink" || event.kind === "closure") bar(event.onset_us, event.offset_us, colours[event.kind], 0.3);
    }
    const blinks = this.timeline.summed?.onsets.blink ?? [];
    const step_us = (this.timeline.stop_us - this.timeline.start_us) / Math.max(1, blinks.length);
    const most = Math.max(1, ...blinks);
    blinks.forEach((n, at) => {
      const from_us = this.timeline.start_us + at * step_us;
      if (n) bar(from_us, from_us + step_us, colours.blink, 0.06 + (0.24 * n) / most);
    });
    ctx.restore();
  }

  #baseline(plot) {
    if (!this.listener.baseline) return;
    const { ctx, bbox } = plot;
    const y = plot.valToPos(this.listener.baseline, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) return;
    ctx.save();
    ctx.strokeStyle = colours.ink;
    ctx.globalAlpha = 0.7;
    ctx.lineWidth = uPlot.pxRatio;
    ctx.setLineDash([6 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  hover(x) {
    const spec = CHARTS[this.name];
    const found = x === null ? null : valuesAt(this.columns, x, this.within);
    if (!found) {
      this.value.textContent = x === null ? "" : "nothing measured here";
      return;
    }
    this.value.textContent = spec.names
      .map((name, k) => `${name} ${said(found[2 * k], found[2 * k + 1])}`.trim())
      .join(", ");
    const { baseline } = this.listener;
    if (baseline && found[0] !== null) {
      const from = (found[0] + found[1]) / 2 - baseline;
      this.value.textContent += `, ${number(Math.abs(from))} mm ${from < 0 ? "below" : "above"} the baseline`;
    }
  }
}

function stateColour(state) {
  return colours[state === "open" ? "openness" : state];
}

function said(low, high) {
  if (low === null) return "not known";
  const same = Math.abs(high - low) < 0.005 * Math.max(1e-9, Math.abs(high));
  return same ? number(high) : `${number(low)} to ${number(high)}`;
}

function padded(low, high, fromZero) {
  if (low === null || high === null) return [0, 1];
  const bottom = fromZero ? Math.min(0, low) : low;
  const pad = Math.max(0.06 * (high - bottom), 1e-3 * Math.abs(high), 1e-6);
  return [bottom - (fromZero && bottom === 0 ? 0.02 * high : pad), high + pad];
}

/** The state band and one row for each kind of event. */
export class EventChart extends Chart {
  constructor(container, value, listener) {
    super(container);
    this.value = value;
    this.listener = listener;
    this.timeline = null;
    this.rows = [];
  }

  draw(timeline, kindsThere) {
    this.timeline = timeline;
    for (const kind of timeline.events.map((event) => event.kind)) kindsThere.add(kind);
    for (const kind of Object.keys(timeline.summed?.onsets ?? {})) kindsThere.add(kind);
    // A row stays once it has been there, so that coming closer moves nothing up or down.
    this.rows = ROWS.filter(([, kind]) => kind === null || kindsThere.has(kind));
    const height = 26 * this.rows.length + 36;
    this.container.style.minHeight = `${height}px`;
    const columns = [[timeline.start_us / 1e6, timeline.stop_us / 1e6], [null, null]];
    this.show(() => this.#options(height), columns, timeline);
    if (this.plot.height !== height) this.plot.setSize({ width: this.plot.width, height });
    this.plot.redraw();
  }

  #options(height) {
    const options = base(this.container.clientWidth, height, { isLast: true, ...this.listener });
    options.series = [{}, { points: { show: false } }];
    options.scales.y = { range: () => [0, this.rows.length] };
    options.axes.push({
      stroke: () => colours.muted,
      font: FONT,
      grid: { show: false },
      ticks: { show: false },
      size: LEFT,
      splits: () => this.rows.map((_row, at) => this.rows.length - at - 0.5),
      values: () => this.rows.map(([name]) => name),
    });
    options.hooks.draw = [(plot) => this.#paint(plot)];
    return options;
  }

  #paint(plot) {
    const { ctx, bbox } = plot;
    const step = bbox.height / this.rows.length;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    this.rows.forEach(([, kind], at) => {
      const top = bbox.top + at * step + 3 * ratio;
      const tall = step - 6 * ratio;
      ctx.fillStyle = colours.sunken;
      ctx.fillRect(bbox.left, top, bbox.width, tall);
      if (this.timeline.summed) {
        this.#paintSummed(plot, kind, top, tall);
        return;
      }
      const bars = kind === null
        ? this.timeline.states.map((run) => [run.start_us, run.stop_us, stateColour(run.state)])
        : this.timeline.events.filter((event) => event.kind === kind).map((event) => [event.onset_us, event.offset_us, colours[kind]]);
      for (const [from_us, to_us, colour] of bars) {
        const left = plot.valToPos(from_us / 1e6, "x", true);
        const right = plot.valToPos(to_us / 1e6, "x", true);
        ctx.fillStyle = colour;
        // A bar is never thinner than a pixel and a half, and two neighbours of one kind stay apart where there is room.
        const room = kind === null ? 0 : Math.min(ratio, (right - left) / 4);
        ctx.fillRect(left, top, Math.max(right - left - room, kind === null ? 0.75 * ratio : 1.5 * ratio), tall);
      }
    });
    ctx.restore();
  }

  /** Shares of time stacked in the band of states; numbers of events as heights in their rows. */
  #paintSummed(plot, kind, top, tall) {
    const { onsets, shares } = this.timeline.summed;
    const { ctx } = plot;
    const { start_us, stop_us, t_us } = this.timeline;
    const step_us = (stop_us - start_us) / t_us.length;
    const most = kind === null ? 1 : Math.max(1, ...(onsets[kind] ?? []));
    t_us.forEach((_middle_us, at) => {
      const left = plot.valToPos((start_us + at * step_us) / 1e6, "x", true);
      const right = plot.valToPos((start_us + (at + 1) * step_us) / 1e6, "x", true);
      let bottom = top + tall;
      const stack = kind === null ? Object.entries(shares).map(([state, list]) => [state, list[at]]) : [[kind, Math.sqrt((onsets[kind]?.[at] ?? 0) / most)]];
      for (const [name, share] of stack) {
        if (!share) continue;
        ctx.fillStyle = stateColour(name);
        ctx.fillRect(left, bottom - share * tall, right - left + 0.5, share * tall);
        bottom -= share * tall;
      }
    });
  }

  #saySummed(t_us) {
    const { onsets, shares } = this.timeline.summed;
    const { start_us, stop_us } = this.timeline;
    const n = this.timeline.t_us.length;
    const at = Math.min(n - 1, Math.max(0, Math.floor(((t_us - start_us) * n) / (stop_us - start_us))));
    const states = Object.entries(shares).filter(([, list]) => list[at] >= 0.005).map(([state, list]) => `${STATE_WORDS[state][0].toLowerCase()} ${number(100 * list[at])} %`);
    const blinks = onsets.blink?.[at] ?? 0;
    this.value.textContent = `${clock(t_us)}: ${states.join(", ") || "no frames"}; ${blinks} ${blinks === 1 ? "blink" : "blinks"}`;
  }

  hover(x) {
    if (x === null || !this.timeline) {
      this.value.textContent = "";
      return;
    }
    const t_us = x * 1e6;
    if (this.timeline.summed) {
      this.#saySummed(t_us);
      return;
    }
    const run = this.timeline.states.find((each) => each.start_us <= t_us && t_us < each.stop_us);
    const words = run ? STATE_WORDS[run.state][0] : "No state";
    this.value.textContent = `${words} at ${clock(t_us, 2)}`;
  }
}
