// Colours of the style sheet, for what is drawn on a canvas; they change with the person's light or dark setting.

const NAMES = [
  "page", "surface", "sunken", "ink", "muted", "line", "accent",
  "fixation", "saccade", "pursuit", "blink", "closure", "lost", "openness", "pupil", "gaze-x", "gaze-y",
];

function read() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

export const colours = read();
colours["track_loss"] = colours.lost;

const listeners = [];

/** Call `listener` whenever the colours have changed. */
export function onColoursChanged(listener) {
  listeners.push(listener);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  Object.assign(colours, read());
  colours["track_loss"] = colours.lost;
  for (const listener of listeners) listener();
});

export const FONT = '12px ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
