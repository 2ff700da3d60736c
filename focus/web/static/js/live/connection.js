// The line to the server: watches recordings in the namespace /live and says in words how the line is.

import { io } from "../../vendor/socket.io-client/4.8.4/socket.io.esm.min.js";

const RETRY_WATCH_MS = 1000;
const MAX_RETRIES = 15;

/** One socket for all recordings that a page watches. */
export class Line {
  #socket = io("/live", { transports: ["websocket"], reconnectionDelayMax: 5000 });
  #watched = new Map(); // listeners by recording

  constructor() {
    const tellAll = (act) => { for (const { listener } of this.#watched.values()) act(listener); };
    const tell = ({ recording }, act) => { if (this.#watched.has(recording)) act(this.#watched.get(recording).listener); };
    this.#socket.on("connect", () => { for (const recording of this.#watched.keys()) this.#ask(recording); });
    this.#socket.on("disconnect", () => tellAll((listener) => listener.onState("reconnecting")));
    this.#socket.on("connect_error", (error) => tellAll((listener) => {
      if (this.#socket.active) listener.onState("reconnecting");
      else listener.onRefused(error.message || "The server refuses the live view.");
    }));
    this.#socket.on("picture", (picture) => tell(picture, (listener) => listener.onPicture(picture)));
    this.#socket.on("ended", (message) => tell(message, (listener) => listener.onEnded()));
  }

  /**
   * @param {string} recording
   * @param {{onPicture: Function, onEnded: Function, onState: (state: string) => void, onRefused: (message: string) => void}} listener
   */
  watch(recording, listener) {
    this.#watched.set(recording, { listener, retries: 0 });
    this.#ask(recording);
  }

  /** Leave a recording's room. */
  leave(recording) {
    if (this.#watched.delete(recording) && this.#socket.connected) this.#socket.emit("unwatch", { recording });
  }

  /** Leave all rooms and close the line. */
  close() {
    for (const recording of [...this.#watched.keys()]) this.leave(recording);
    this.#socket.disconnect();
  }

  #ask(recording) {
    const watched = this.#watched.get(recording);
    if (!watched || !this.#socket.connected) return;
    const again = () => setTimeout(() => this.#ask(recording), RETRY_WATCH_MS);
    this.#socket.timeout(10_000).emit("watch", { recording }, (problem, answer) => {
      if (this.#watched.get(recording) !== watched) return;
      if (problem) {
        again();
      } else if (answer?.ok) {
        watched.retries = 0;
        watched.listener.onState("live");
      } else if (answer?.code === "not_found" && watched.retries < MAX_RETRIES) {
        // A session that was started a moment ago has not opened its recording yet.
        watched.retries += 1;
        again();
      } else {
        watched.listener.onRefused(answer?.message ?? "The server does not show this session.");
      }
    });
  }
}
