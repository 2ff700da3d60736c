// Metric tiles of the live page; the report's tiles are the same, made by `templates/parts/states.html`.

import { duration, number, unit } from "../words.js";

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fill(tile, metric) {
  const withheld = metric.verdict === "withheld";
  tile.className = withheld ? "tile is-withheld" : "tile";
  const top = element("div", "tile-top");
  top.append(element("h3", "", metric.label), element("span", `chip ${metric.verdict}`, metric.verdict));
  const parts = [top];
  if (withheld || metric.value === null) {
    parts.push(element("p", "tile-value none", withheld ? "Not shown" : "No value yet"));
  } else {
    const value = element("p", "tile-value");
    const text = element("span", "", number(metric.value));
    text.dataset.value = "";
    value.append(text, element("span", "unit", unit(metric.unit)));
    parts.push(value);
    if (metric.low !== null && metric.high !== null) {
      parts.push(element("p", "tile-range", `between ${number(metric.low, metric.value)} and ${number(metric.high, metric.value)} ${unit(metric.unit)}`));
    }
  }
  if (metric.reason) parts.push(element("p", "tile-reason", metric.reason));
  if (metric.weight_s && !withheld) {
    parts.push(element("p", "tile-reason", `from ${duration(metric.weight_s * 1e6)} of valid data`));
  }
  tile.replaceChildren(...parts);
}

export class Tiles {
  #tiles = new Map();

  constructor(container) {
    this.container = container;
    const first = JSON.parse(container.dataset.first);
    const last = JSON.parse(container.dataset.last);
    this.place = new Map([...first.map((name, at) => [name, at]), ...last.map((name, at) => [name, 2000 + at])]);
  }

  update(metrics) {
    document.getElementById("tiles-waiting")?.remove();
    const place = (metric) => this.place.get(metric.name) ?? 1000;
    for (const metric of [...metrics].sort((a, b) => place(a) - place(b))) {
      let tile = this.#tiles.get(metric.name);
      if (!tile) {
        tile = document.createElement("article");
        tile.dataset.metric = metric.name;
        this.#tiles.set(metric.name, tile);
        this.container.append(tile);
      }
      const said = JSON.stringify(metric);
      if (tile.said !== said) {
        tile.said = said;
        fill(tile, metric);
      }
    }
  }
}
