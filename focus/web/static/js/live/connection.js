// The line to the server: watches one recording in the namespace /live and says in words how the line is.

import { io } from "../../vendor/socket.io-client/4.8.4/socket.io.esm.min.js";

const RETRY_WATCH_MS = 1000;

/**
 * @param {string} recording
 * @param {{onPicture: Function, onEnded: Function, onState: (state: string) => void, onRefused: (message: string) => void}} listener
 * @returns {() => void} leaves the room and closes the line
 */
export function watch(recording, listener) {
  const socket = io("/live", { transports: ["websocket"], reconnectionDelayMax: 5000 });
  let closed = false;
  let retries = 0;

  function ask() {
    if (closed || !socket.connected) return;
    socket.timeout(10_000).emit("watch", { recording }, (problem, answer) => {
      if (closed) return;
      if (problem) {
        setTimeout(ask, RETRY_WATCH_MS);
      } else if (answer?.ok) {
        retries = 0;
        listener.onState("live");
      } else if (answer?.code === "not_found" && retries < 15) {
        // A session that was started a moment ago has not opened its recording yet.
        retries += 1;
        setTimeout(ask, RETRY_WATCH_MS);
      } else {
        listener.onRefused(answer?.message ?? "The server does not show this session.");
      }
    });
  }

  socket.on("connect", ask);
  socket.on("disconnect", () => { if (!closed) listener.onState("reconnecting"); });
  socket.on("connect_error", (error) => {
    if (socket.active) listener.onState("reconnecting");
    else listener.onRefused(error.message || "The server refuses the live view.");
  });
  socket.on("picture", (picture) => { if (picture.recording === recording) listener.onPicture(picture); });
  socket.on("ended", (message) => { if (message.recording === recording) listener.onEnded(); });

  return () => {
    closed = true;
    if (socket.connected) socket.emit("unwatch", { recording });
    socket.disconnect();
  };
}
