// How states, numbers and units are written; the same words and rules as `focus/web/formats.py`.

// In the order of the state codes (focus/analysis/types.py: EyeState).
export const STATES = ["fixation", "saccade", "pursuit", "blink", "lost"];

export const STATE_WORDS = {
  fixation: ["Fixation", "the eyes rest on one point"],
  saccade: ["Saccade", "the eyes jump to another point"],
  pursuit: ["Pursuit", "the eyes follow something that moves"],
  blink: ["Blink", "the eyelids are closed"],
  closure: ["Closed", "the eyelids stay closed for longer than a blink"],
  lost: ["Not seen", "the tracker does not see the eyes"],
  open: ["Open", "the eyelids are open; where the eyes look is not measured"],
};

export const KIND_WORDS = {
  blink: "Blinks",
  closure: "Long closures",
  fixation: "Fixations",
  saccade: "Saccades",
  pursuit: "Pursuits",
  track_loss: "Track losses",
};

const UNIT_WORDS = { ratio: "", 1: "", count: "", "1/min": "per minute", percent: "%" };
const NARROW_SPACE = "\u202f";

/** The name of a state that came as a code or as a name; null for neither. */
export function stateName(state) {
  if (typeof state === "number") return STATES[state] ?? null;
  return STATES.includes(state) ? state : null;
}

function decimalsOf(value) {
  if (Number.isInteger(value)) return 0;
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return Math.max(0, (magnitude >= 0 ? 2 : 1) - magnitude);
}

/** A number with three significant digits (two below 1) and thousands apart; as many decimals as `like`, if given. */
export function number(value, like = value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "not known";
  const text = Math.abs(value).toFixed(decimalsOf(like));
  const [whole, part] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);
  return (value < 0 ? "\u2212" : "") + grouped + (part ? `.${part}` : "");
}

/** A number of batches that wait, in words. */
export function batches(n) {
  return `${number(n)} ${n === 1 ? "batch" : "batches"}`;
}

/** A round number beside an axis. */
export function axisNumber(value) {
  return String(Number(value.toPrecision(6))).replace("-", "\u2212");
}

export function unit(name) {
  return Object.hasOwn(UNIT_WORDS, name ?? "") ? UNIT_WORDS[name] : (name ?? "");
}

/** A length of time in words, from microseconds. */
export function duration(us) {
  const seconds = us / 1e6;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** A moment of a recording: "1:05" or, with `digits` after the second, "1:05.25". */
export function clock(us, digits = 0) {
  const step = 10 ** digits;
  const total = Math.round((Math.abs(us) / 1e6) * step) / step;
  const minutes = Math.floor(total / 60);
  const seconds = (total - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${us < 0 ? "\u2212" : ""}${minutes}:${seconds}`;
}
