// A button beside each chart that saves it as a PNG, as it is on the screen, with its title and a solid background.

import { colours, FONT } from "../colours.js";

const HEAD = 34;

/** The canvas of a chart with its title above it. */
function picture(canvas, title) {
  const ratio = window.devicePixelRatio || 1;
  const made = document.createElement("canvas");
  made.width = canvas.width;
  made.height = canvas.height + HEAD * ratio;
  const context = made.getContext("2d");
  context.fillStyle = colours.surface;
  context.fillRect(0, 0, made.width, made.height);
  context.fillStyle = colours.ink;
  context.font = FONT.replace("12px", `600 ${14 * ratio}px`);
  context.fillText(title, 10 * ratio, 22 * ratio);
  context.drawImage(canvas, 0, HEAD * ratio);
  return made;
}

function save(canvas, title) {
  picture(canvas, title).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${document.title} ${title}`.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() + ".png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
}

function addButton(place, title, canvasOf) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet save";
  button.textContent = "PNG";
  button.setAttribute("aria-label", `Save the chart "${title}" as a PNG`);
  button.addEventListener("click", () => {
    const canvas = canvasOf();
    if (canvas) save(canvas, title);
  });
  place.append(button);
}

/** Give every chart of the page its button. */
export function addDownloads() {
  for (const plot of document.querySelectorAll("figure.chart .plot")) {
    const caption = plot.closest("figure").querySelector("figcaption");
    addButton(caption, caption.querySelector(".chart-title").textContent, () => plot.querySelector("canvas"));
  }
  const map = document.getElementById("gaze-map-canvas");
  if (map) {
    const section = map.closest("section");
    addButton(section.querySelector(".actions"), section.querySelector("h2").textContent, () => map);
  }
}
