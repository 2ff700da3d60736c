// What concerns the tab and not the camera: only one of them tracks, and the screen stays on meanwhile.

import { TrackerTrouble } from "./camera.js";

const LOCK_NAME = "focus-tracker";
const RELOAD_MS = 3000; // the page that is being left lets go of the lock within this

/** Hold the lock until the tab ends; TrackerTrouble when another tab of this browser has it. */
export async function holdTrackerLock() {
  const patience = AbortSignal.timeout(RELOAD_MS);
  await new Promise((resolve, reject) => {
    navigator.locks
      .request(LOCK_NAME, { signal: patience }, () => {
        resolve();
        return new Promise(() => {}); // never given back
      })
      .catch(() => reject(new TrackerTrouble("other-tab")));
  });
}

/** Keeps the screen on between `hold` and `release`; the system takes the lock from a hidden tab, so it is asked anew. */
export function keepAwake() {
  let isWanted = false;
  let sentinel = null;

  async function ask() {
    if (!isWanted || document.hidden || !navigator.wakeLock) return;
    try {
      sentinel = await navigator.wakeLock.request("screen");
    } catch {
      // A low battery refuses it; then the screen goes dark when it would anyhow.
    }
  }

  document.addEventListener("visibilitychange", ask);
  return {
    hold() {
      isWanted = true;
      return ask();
    },
    release() {
      isWanted = false;
      sentinel?.release();
      sentinel = null;
    },
  };
}
