// Brings a recording's batches to the server: wire protocol version 1 from the client's side, over one Socket.IO socket.
//
// A batch is in the store before it is sent and leaves it when the server has called it stored. Where to go on comes
// from the server alone. The socket comes back by itself; with every connection the recording is opened again.

import { PROTO } from "./schema.js";
import { DeliveryWindow } from "./window.js";

export const ANSWER_TIMEOUT_MS = 15_000;
const CLOCK_INTERVAL_MS = 30_000;
const RETRY_MS = 500;
const MAX_SAME_REFUSALS = 3;

// What no second try can mend; the page says what can be done about each.
const FINAL_CODES = ["unauthenticated", "forbidden", "not_found", "protocol_version", "seq_conflict", "consent"];
const INPUT_CODES = ["input", "frame_format", "frame_value", "too_large"];

export const CONNECT_AUTH = { proto: PROTO, device: "browser", client: "focus.tracker" };

export class Delivery {
  #socket;
  #store;
  #listener;
  #window = null; // of this connection; null while the recording is not open
  #connection = 0; // number of the newest connection, or of its loss
  #isSending = false;
  #isEnded = false;
  #isAsking = false;
  #notBefore_ms = 0;
  #heard_ms = 0;
  #clockDue_ms = 0;
  #refusals = new Map();
  #now_ms;
  #later;

  /**
   * @param socket a Socket.IO socket of the namespace, not yet connected
   * @param store see store.js
   * @param row the recording
   * @param {{onChange: () => void, onLink: (isOpen: boolean) => void, onEnd: (code: string, message: string) => void}} listener
   *   `onEnd` is told "done", or a code of the server's errors, once and last
   */
  constructor(socket, store, row, listener, { now_ms = () => performance.now(), later = (act, ms) => setTimeout(act, ms) } = {}) {
    this.#socket = socket;
    this.#store = store;
    this.row = row;
    this.#listener = listener;
    this.#now_ms = now_ms;
    this.#later = later;
    socket.on("connect", () => this.#open());
    socket.on("disconnect", (reason) => this.#lost(reason));
    socket.on("connect_error", (error) => this.#refusedAtTheDoor(error));
    socket.on("stored", (message) => this.#mine(message) && this.#onStored(message));
    socket.on("refused", (message) => this.#mine(message) && this.#onRefused(message));
    socket.on("evicted", (message) => this.#mine(message) && this.#end("evicted", "another connection took the recording"));
  }

  get isOpen() {
    return this.#window !== null;
  }

  start() {
    this.#socket.connect();
  }

  /** Send what waits, close the recording when it is to be closed, and look whether the server is still there. */
  async pump() {
    if (this.#isEnded || this.#isSending || this.#window === null) return;
    this.#isSending = true;
    try {
      await this.#sendWhatFits();
      await this.#closeWhenAllIsStored();
    } finally {
      this.#isSending = false;
    }
    this.#checkSilence();
    this.#tellTheTime();
  }

  /** End without closing the recording: what waits stays in the store. */
  abandon() {
    this.#isEnded = true;
    this.#window = null;
    this.#socket.disconnect();
  }

  // -- connecting ---------------------------------------------------------------------------------------------------

  async #open() {
    const row = this.row;
    const connection = ++this.#connection;
    const message = { recording: row.id, tracker: row.tracker, takeover: true };
    if (row.calibration) message.screen = row.calibration.screen;
    if (row.lease) message.lease = row.lease;
    if (row.participant) message.participant = row.participant;
    const answer = await this.#ask("open", message);
    if (answer === null || this.#isEnded || connection !== this.#connection) return;
    if (answer.code) {
      this.#failed(answer);
      return;
    }
    if (answer.next_seq > row.nextSeq || answer.next_seq < row.firstSeq) {
      this.#end("seq_conflict", `the server goes on from batch ${answer.next_seq}; here are ${row.firstSeq} to ${row.nextSeq}`);
      return;
    }
    row.lease = answer.lease;
    row.isOpened = true;
    await this.#store.save(row);
    await this.#store.release(row, answer.next_seq);
    if (this.#isEnded || connection !== this.#connection) return; // lost meanwhile; the next one opens it
    this.#window = new DeliveryWindow(answer.next_seq, answer.limits.in_flight);
    this.#heard_ms = this.#now_ms();
    this.#listener.onLink(true);
    this.#listener.onChange();
    this.pump();
  }

  #lost(reason) {
    this.#window = null;
    this.#connection += 1;
    if (this.#isEnded) return;
    this.#listener.onLink(false);
    // Socket.IO comes back by itself from everything but a farewell of the server.
    if (reason === "io server disconnect") this.#later(() => this.#isEnded || this.#socket.connect(), RETRY_MS);
  }

  #refusedAtTheDoor(error) {
    if (this.#isEnded) return;
    this.#listener.onLink(false);
    const failure = error?.data;
    if (FINAL_CODES.includes(failure?.code)) this.#end(failure.code, failure.message ?? "");
    else if (!this.#socket.active) this.#later(() => this.#isEnded || this.#socket.connect(), failure?.retry_ms ?? 2000);
  }

  #reconnect() {
    this.#window = null;
    this.#socket.disconnect();
    if (!this.#isEnded) this.#later(() => this.#isEnded || this.#socket.connect(), RETRY_MS);
  }

  /** The answer to a message; null, after which the connection begins anew, when none came. */
  async #ask(event, message) {
    return new Promise((resolve) => {
      this.#socket.timeout(ANSWER_TIMEOUT_MS).emit(event, message, (problem, answer) => {
        if (problem && this.#socket.connected) this.#reconnect();
        resolve(problem ? null : answer);
      });
    });
  }

  // -- sending ------------------------------------------------------------------------------------------------------

  async #sendWhatFits() {
    const window = this.#window;
    while (window === this.#window && this.#now_ms() >= this.#notBefore_ms && window.maySend(this.row.nextSeq)) {
      const seq = window.nextToSend;
      const batch = await this.#store.get(this.row, seq);
      if (window !== this.#window || window.nextToSend !== seq) continue;
      if (batch === undefined) {
        this.#end("seq_conflict", `batch ${seq} is no longer in this browser`);
        return;
      }
      if (window.nInFlight === 0) this.#heard_ms = this.#now_ms(); // the server's time to answer begins now
      const { n, t0_us, t1_us, crc32, payload } = batch;
      window.sent();
      this.#socket.emit("frames", { recording: this.row.id, lease: this.row.lease, seq, n, t0_us, t1_us, crc32, payload });
    }
  }

  async #closeWhenAllIsStored() {
    const row = this.row;
    if (row.state !== "closing" || row.firstSeq < row.nextSeq || this.#window === null || this.#isAsking) return;
    this.#isAsking = true;
    const answer = await this.#ask("close", { recording: row.id, lease: row.lease, last_seq: row.nextSeq - 1 });
    this.#isAsking = false;
    if (answer === null) return;
    if (answer.code) this.#failed(answer);
    else this.#end("done", "");
  }

  #checkSilence() {
    if (this.#window?.nInFlight && this.#now_ms() - this.#heard_ms > ANSWER_TIMEOUT_MS) this.#reconnect();
  }

  #tellTheTime() {
    if (this.#window === null || this.#now_ms() < this.#clockDue_ms) return;
    this.#clockDue_ms = this.#now_ms() + CLOCK_INTERVAL_MS;
    this.#socket.emit("clock", { c0: Math.round(this.#now_ms() * 1e6) }, () => {});
  }

  // -- what the server says -------------------------------------------------------------------------------------------

  #mine(message) {
    this.#heard_ms = this.#now_ms();
    return !this.#isEnded && message?.recording === this.row.id && this.#window !== null;
  }

  async #onStored({ next_seq: nextSeq }) {
    if (nextSeq > this.row.nextSeq) {
      this.#end("seq_conflict", `the server has ${nextSeq} batches; only ${this.row.nextSeq} came from here`);
      return;
    }
    this.#window.stored(nextSeq);
    this.#refusals.clear();
    await this.#store.release(this.row, nextSeq);
    this.#listener.onChange();
    this.pump();
  }

  #onRefused({ seq, code, message = "", next_seq: nextSeq = null, retry_ms: retry_ms = null }) {
    if (code === "lease") {
      this.#reconnect();
      return;
    }
    if (code === "closed" || FINAL_CODES.includes(code)) {
      this.#failed({ code, message, next_seq: nextSeq });
      return;
    }
    if (INPUT_CODES.includes(code)) {
      // It may have been damaged on its way; refused three times, it was not.
      const times = (this.#refusals.get(seq) ?? 0) + 1;
      this.#refusals.set(seq, times);
      if (times >= MAX_SAME_REFUSALS) {
        this.#end(code, message);
        return;
      }
    }
    this.#window.refused(seq, nextSeq);
    if (code !== "gap") this.#wait(retry_ms ?? RETRY_MS);
    else this.pump();
  }

  #failed({ code, message = "", next_seq: nextSeq = null, retry_ms: retry_ms = null }) {
    if (code === "closed") {
      const isAllThere = nextSeq === this.row.nextSeq || (this.row.state === "closing" && this.row.firstSeq === this.row.nextSeq);
      this.#end(isAllThere ? "done" : "closed", message);
    } else if (FINAL_CODES.includes(code) || INPUT_CODES.includes(code)) {
      this.#end(code, message);
    } else {
      this.#wait(retry_ms ?? RETRY_MS);
      this.#later(() => this.#isEnded || this.#reconnect(), retry_ms ?? RETRY_MS);
    }
  }

  #wait(ms) {
    this.#notBefore_ms = Math.max(this.#notBefore_ms, this.#now_ms() + ms);
    this.#later(() => this.pump(), ms + 1);
  }

  #end(code, message) {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#window = null;
    this.#socket.disconnect();
    this.#listener.onEnd(code, message);
  }
}
