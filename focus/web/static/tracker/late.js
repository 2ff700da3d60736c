// What an earlier session has left: it is sent, and the session closed, while the page does something else.

import { batches } from "../js/words.js";
import { Recorder } from "./recorder.js";

const byId = (id) => document.getElementById(id);
const LATER_CODES = ["unauthenticated", "evicted", "consent"]; // the page itself says these, or another one goes on with it

/**
 * @param row of the earlier session
 * @param store see store.js
 * @param {Function} io of Socket.IO's client
 * @param {(error: Error) => void} onFault
 */
export function finishInTheBackground(row, store, io, onFault) {
  row.state = "closing";
  const box = byId("late");
  const showLate = () => {
    box.hidden = late.nWaiting === 0;
    byId("late-waiting").textContent = batches(late.nWaiting);
  };
  const onEnd = (code, message) => {
    if (code === "done" || code === "closed") box.hidden = true;
    else if (!LATER_CODES.includes(code)) {
      showLate();
      byId("late-refused").hidden = false;
      byId("late-refused").querySelector("p").textContent = `The server does not take it: ${message || code}.`;
      offerToLetGo(byId("late-discard"), store, row);
    }
  };
  const late = new Recorder(store, row, io, { onChange: showLate, onLink: () => {}, onEnd, onFull: () => {}, onFault });
  late.start();
  showLate();
}

/** The button forgets what the server will never take; nothing of it goes away before somebody says so. */
export function offerToLetGo(button, store, row) {
  button.onclick = async () => {
    await store.remove(row);
    location.reload();
  };
}
