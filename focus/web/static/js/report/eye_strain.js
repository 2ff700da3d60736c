// The eye-strain index against one's own baseline, fetched apart: it reads up to thirty earlier sessions.

import { number, unit } from "../words.js";

const LABELS = ["", "This session", "Usual for you", "Departure", "Sign of strain"];

/** The next cell of a row, with the label that it has where the table is a list of cards. */
const cell = (row, words, name = "") => {
  const made = row.insertCell();
  made.textContent = words;
  made.className = name;
  made.dataset.label = LABELS[made.cellIndex];
  return made;
};

function fill(root, strain) {
  const value = root.querySelector("[data-strain-index]");
  value.textContent = strain.index === null ? "Not shown" : `${strain.index > 0 ? "+" : ""}${number(strain.index)}`;
  value.classList.toggle("none", strain.index === null);
  const chip = root.querySelector(".chip");
  chip.textContent = strain.verdict;
  chip.className = `chip ${strain.verdict}`;
  root.querySelector("[data-strain-reason]").textContent = strain.reason;
  root.querySelector("[data-strain-scale]").hidden = strain.index === null;
  root.querySelector("details").open = strain.index !== null;
  const body = root.querySelector("tbody");
  body.replaceChildren();
  for (const part of strain.parts) {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = [part.label, unit(part.unit)].filter(Boolean).join(", ");
    row.append(head);
    cell(row, part.value === null ? "not known" : number(part.value), "number");
    if (part.baseline) {
      cell(row, `${number(part.baseline.median)} ± ${number(part.baseline.spread, part.baseline.median)}`, "number");
      cell(row, part.departure_percent === null ? number(part.departure) : `${part.departure > 0 ? "+" : ""}${number(part.departure_percent)} %`, "number");
      cell(row, part.strain_z === null ? "" : part.strain_z > 0 ? "more than usual" : "not more than usual");
    } else if (part.reason === strain.reason) {
      // It stands above the table for the index as a whole.
      for (const name of ["number", "number", ""]) cell(row, "\u2013", name);
    } else {
      cell(row, part.reason, "muted small").colSpan = 3;
    }
  }
  root.classList.remove("is-loading");
}

export async function showEyeStrain() {
  for (const root of document.querySelectorAll("[data-eye-strain]")) {
    try {
      const response = await fetch(root.dataset.eyeStrain, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error((await response.json()).detail || response.statusText);
      fill(root, await response.json());
    } catch (error) {
      root.querySelector("[data-strain-reason]").textContent = `The index could not be loaded: ${error.message}. Reload the page to try again.`;
    }
  }
}
