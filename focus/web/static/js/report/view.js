// The part of the field of view that a map in degrees shows: in words, and where the lines of its grid lie.

import { number } from "../words.js";

/** Words for the part of the field of view that a map in degrees shows. */
export function wordsOfView({ x_deg, y_deg, reach_deg }) {
  const middle = x_deg || y_deg ? `the direction ${number(x_deg)}, ${number(y_deg)} deg` : "straight ahead";
  return `${number(2 * reach_deg)} degrees around ${middle}`;
}

/** Where the lines of the grid lie, as parts of a length of so many degrees whose middle is at a given direction. */
export function gridLines(middle_deg, length_deg, step_deg) {
  const first = Math.ceil((middle_deg - length_deg / 2) / step_deg) * step_deg;
  const lines = [];
  for (let deg = first; deg <= middle_deg + length_deg / 2; deg += step_deg) lines.push(0.5 + (deg - middle_deg) / length_deg);
  return lines;
}
