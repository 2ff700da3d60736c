// Several recordings side by side: a card for each, over one line to the server.

import { Line } from "./connection.js";
import { LiveCard } from "./live_card.js";

const line = new Line();
const cards = [...document.querySelectorAll("[data-recording]")].map((element) => new LiveCard(element));
const slowMotion = matchMedia("(prefers-reduced-motion: reduce)");
let drawn_ms = 0;

function draw(now_ms) {
  requestAnimationFrame(draw);
  if (slowMotion.matches && now_ms - drawn_ms < 400) return;
  drawn_ms = now_ms;
  for (const card of cards) card.draw(now_ms);
}

for (const card of cards) line.watch(card.recording, card);
addEventListener("pagehide", () => line.close());
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
requestAnimationFrame(draw);
