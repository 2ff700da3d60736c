// The worker that finds landmarks, from the page's side: gives it the camera's frames and takes its numbers.

import { TrackerTrouble } from "./camera.js";

const LOAD_TIMEOUT_MS = 90_000; // five megabytes over a slow line

/** Whether the camera's frames can go to the worker without the page, so that it goes on while the tab is hidden. */
export const worksWhileHidden = typeof globalThis.MediaStreamTrackProcessor === "function";

export class Landmarker {
  #worker;
  #video;
  #stop = () => {};
  #isBusy = false;
  #onFrame;
  #onFault;

  /**
   * @param {HTMLVideoElement} video the preview; the frames come from it where there is no MediaStreamTrackProcessor
   * @param {{onFrame: Function, onFault: (trouble: TrackerTrouble) => void}} listener
   */
  constructor(video, { onFrame, onFault }) {
    this.#video = video;
    this.#onFrame = onFrame;
    this.#onFault = onFault;
  }

  /** Load the model; the lines of mesh and contours as pairs of landmarks. TrackerTrouble when it cannot work here. */
  async load(workerAddress, folder) {
    const worker = new Worker(workerAddress);
    this.#worker = worker;
    const lines = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new TrackerTrouble("assets", "the model did not load in time")), LOAD_TIMEOUT_MS);
      const settle = (act, value) => { clearTimeout(timer); act(value); };
      worker.onerror = (event) => settle(reject, new TrackerTrouble("assets", event.message));
      worker.onmessage = ({ data }) => {
        if (data.kind === "ready") settle(resolve, data.lines);
        else if (data.kind === "failed") settle(reject, new TrackerTrouble(data.code, data.message));
      };
      worker.postMessage({ kind: "load", folder: new URL(folder, location.href).href });
    });
    worker.onerror = (event) => this.#onFault(new TrackerTrouble("worker", event.message));
    worker.onmessage = ({ data }) => this.#take(data);
    return lines;
  }

  /** Look at the frames of this camera from now on. */
  follow(stream) {
    this.stop();
    const [track] = stream.getVideoTracks();
    if (worksWhileHidden) this.#followTrack(track);
    else this.#followVideo();
  }

  stop() {
    this.#stop();
    this.#stop = () => {};
  }

  #followTrack(track) {
    // Of a copy: the preview has the track itself.
    const copy = track.clone();
    const { readable } = new MediaStreamTrackProcessor({ track: copy });
    this.#worker.postMessage({ kind: "stream", readable }, [readable]);
    this.#stop = () => {
      this.#worker.postMessage({ kind: "stop" });
      copy.stop();
    };
  }

  #followVideo() {
    let isStopped = false;
    const video = this.#video;
    const next = async (now_ms, metadata) => {
      if (isStopped) return;
      video.requestVideoFrameCallback(next);
      if (this.#isBusy) return;
      this.#isBusy = true;
      try {
        const bitmap = await createImageBitmap(video);
        const timestamp_us = Math.round((metadata.captureTime ?? now_ms) * 1000);
        this.#worker.postMessage({ kind: "bitmap", bitmap, timestamp_us }, [bitmap]);
      } catch {
        this.#isBusy = false; // the video has no picture yet
      }
    };
    video.requestVideoFrameCallback(next);
    this.#stop = () => { isStopped = true; };
  }

  #take(message) {
    if (message.kind === "frame") {
      this.#isBusy = false;
      this.#onFrame(message);
    } else if (message.kind === "failed") {
      this.#onFault(new TrackerTrouble(message.code, message.message));
    }
  }
}
