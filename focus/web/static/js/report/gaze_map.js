// Where the eyes rested, over the screen: fixations as circles joined by their path, or a heatmap.

import { colours, FONT, onColoursChanged } from "../colours.js";
import { SharpCanvas } from "../live/canvas.js";
import { duration, number } from "../words.js";
import { heatColour, smoothed } from "./heat.js";
import { gridLines, wordsOfView } from "./view.js";

const ASPECT_OF_SPACE = { deg: 16 / 9, scene: 3 / 2, screen: 16 / 9 };
const WORDS_OF_SPACE = { screen: "the screen", scene: "the scene picture" };

export class GazeMap {
  constructor(root) {
    this.root = root;
    this.view = "path";
    this.map = null;
    this.request = null;
    this.element = document.getElementById("gaze-map-canvas");
    if (!this.element) return;
    this.element.style.aspectRatio = root.dataset.aspect || String(ASPECT_OF_SPACE[root.dataset.space] ?? 16 / 9);
    this.canvas = new SharpCanvas(this.element);
    this.words = document.getElementById("gaze-map-words");
    for (const button of root.querySelectorAll("button[data-view]")) {
      button.addEventListener("click", () => this.#choose(button));
    }
    onColoursChanged(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  #choose(chosen) {
    this.view = chosen.dataset.view;
    this.draw();
  }

  #showPressed(view) {
    for (const button of this.root.querySelectorAll("button[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
      button.disabled = button.dataset.view === "path" && !this.map.fixations;
    }
  }

  /** Show a stretch of the recording; null is all of it. */
  async load(span) {
    if (!this.element) return;
    this.request?.abort();
    this.request = new AbortController();
    const query = span ? `?${new URLSearchParams(span)}` : "";
    try {
      const response = await fetch(this.root.dataset.url + query, { signal: this.request.signal, headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error((await response.json()).detail || response.statusText);
      this.map = await response.json();
      this.isWhole = span === null;
      this.element.classList.remove("is-loading");
      this.#fillTable();
      this.draw();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.words.textContent = `The map could not be loaded: ${error.message}. Reload the page to try again.`;
    }
  }

  #fillTable() {
    const total = this.map.regions.flat().reduce((a, b) => a + b, 0);
    const cells = document.querySelectorAll("#gaze-map-table tbody td");
    this.map.regions.flat().forEach((ms, at) => {
      cells[at].textContent = total ? `${number((100 * ms) / total)} %` : "none";
    });
    this.root.dataset.fixations = String(this.map.n_fixations);
  }

  #describe() {
    const { n_fixations, outside_ms, cells_ms, fixations, space, view } = this.map;
    const inside_ms = cells_ms.reduce((a, b) => a + b, 0);
    const stretch = this.isWhole ? "the whole session" : "the stretch of the timeline";
    if (!n_fixations) {
      this.words.textContent = `No fixation in ${stretch}.`;
      return;
    }
    let text = `${number(n_fixations)} fixations in ${stretch}, ${duration(1000 * (inside_ms + outside_ms))} in all, over ${view ? wordsOfView(view) : WORDS_OF_SPACE[space]}.`;
    if (outside_ms) text += ` ${number((100 * outside_ms) / (inside_ms + outside_ms))} % of that time lies beyond its edges.`;
    if (!fixations) text += " These are too many for a path, so the heatmap is shown; come closer in the timeline to see it.";
    this.words.textContent = text;
  }

  draw() {
    if (!this.map) return;
    this.#describe();
    this.canvas.clear();
    this.#grid();
    const isHeat = this.view === "heat" || !this.map.fixations;
    this.#showPressed(isHeat ? "heat" : "path");
    document.getElementById("heat-key").hidden = !isHeat || !this.map.n_fixations;
    if (!this.map.n_fixations) return;
    if (isHeat) this.#heat();
    else this.#path();
    this.root.dataset.drawn = isHeat ? "heat" : "path";
  }

  #grid() {
    const { context, width, height } = this.canvas;
    context.fillStyle = colours.sunken;
    context.fillRect(0, 0, width, height);
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.beginPath();
    const { view } = this.map;
    const step = view && view.reach_deg / 3 > 5 ? 10 : 5;
    const across = view ? gridLines(view.x_deg, 2 * view.reach_deg, step) : [1 / 3, 2 / 3];
    const down = view ? gridLines(view.y_deg, (2 * view.reach_deg * 9) / 16, step) : [1 / 3, 2 / 3];
    for (const part of across) {
      context.moveTo(part * width, 0);
      context.lineTo(part * width, height);
    }
    for (const part of down) {
      context.moveTo(0, part * height);
      context.lineTo(width, part * height);
    }
    context.stroke();
  }

  #path() {
    const { context, width, height } = this.canvas;
    const places = this.map.fixations.map((each) => [each.x * width, each.y * height, each.duration_us]);
    context.strokeStyle = colours.accent;
    context.globalAlpha = places.length > 120 ? 0.25 : 0.5;
    context.lineWidth = 1.2;
    context.beginPath();
    places.forEach(([x, y], at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
    for (const [x, y, us] of places) {
      const radius = 3 + 13 * Math.sqrt(Math.min(2, us / 1e6));
      context.fillStyle = colours.fixation;
      context.strokeStyle = colours.fixation;
      context.globalAlpha = 0.22;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
      context.globalAlpha = 0.85;
      context.stroke();
    }
    context.globalAlpha = 1;
    if (places.length <= 40) this.#numbers(places);
    this.#ends(places);
  }

  #numbers(places) {
    const { context } = this.canvas;
    context.fillStyle = colours.ink;
    context.font = FONT;
    context.textAlign = "center";
    context.textBaseline = "middle";
    places.forEach(([x, y], at) => context.fillText(String(at + 1), x, y));
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
  }

  #ends(places) {
    if (places.length <= 40 || places.length < 2) return;
    const { context } = this.canvas;
    context.font = FONT;
    context.fillStyle = colours.ink;
    for (const [words, [x, y]] of [["first", places[0]], ["last", places[places.length - 1]]]) {
      context.fillRect(x - 2, y - 2, 4, 4);
      // "first" stands above its place and "last" below, so that they can be read where both are one.
      const below = words === "last" && y < this.canvas.height - 20;
      context.fillText(words, Math.min(x + 6, this.canvas.width - 34), below ? y + 16 : Math.max(12, y - 6));
    }
  }

  #heat() {
    const { columns, rows, cells_ms } = this.map;
    const values = smoothed(cells_ms, columns, rows, 1.6);
    const most = Math.max(...values);
    const picture = document.createElement("canvas");
    picture.width = columns;
    picture.height = rows;
    const small = picture.getContext("2d");
    const image = small.createImageData(columns, rows);
    values.forEach((value, at) => image.data.set(heatColour(value / most), 4 * at));
    small.putImageData(image, 0, 0);
    const { context, width, height } = this.canvas;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, width, height);
    this.#scale();
  }

  #scale() {
    const scale = document.getElementById("heat-scale");
    scale.width = 120;
    scale.height = 10;
    const context = scale.getContext("2d");
    for (let x = 0; x < 120; x += 1) {
      const [r, g, b, a] = heatColour(x / 119);
      context.fillStyle = `rgba(${r}, ${g}, ${b}, ${a / 255})`;
      context.fillRect(x, 0, 1, 10);
    }
    const total = this.map.cells_ms.reduce((a, b) => a + b, 0);
    const most = Math.max(...this.map.cells_ms);
    document.getElementById("heat-most").textContent = `most: ${number((100 * most) / total)} % of the time in one of ${this.map.columns} x ${this.map.rows} cells`;
  }
}
