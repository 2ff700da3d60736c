// One recording of this page: frames in, batches into the store, and on to the server.

import { Batcher } from "./batcher.js";
import { withGaze } from "./calibration.js";
import { checksum, encodeBatch } from "./codec.js";
import { CONNECT_AUTH, Delivery } from "./delivery.js";
import { FrameClock } from "./frame_clock.js";
import { COLUMN_UNITS } from "./measures.js";
import { NAMESPACE } from "./schema.js";
import { newRow, QueueFullError } from "./store.js";

const BATCH_US = 200_000;
const PUMP_EVERY_MS = 2000; // for what comes due without a frame or an answer: a wait that is over, a silent server
const GAZE_UNITS = { gaze_x: "screen", gaze_y: "screen" };

/**
 * What the server is told of this tracker. No usual rate: a webcam's frames come unevenly, whenever another program wants
 * the processor, and against a declared rate a slow moment inside of a blink would count as a loss that splits it.
 */
export function trackerInfo({ name, cameraLabel, hasGaze }) {
  const units = { ...COLUMN_UNITS, ...(hasGaze ? GAZE_UNITS : {}) };
  // Chromium puts the numbers of maker and model behind the name.
  const model = cameraLabel.replace(/ \([0-9a-f]{4}:[0-9a-f]{4}\)$/i, "").slice(0, 100);
  return { name, model, columns: Object.keys(units), units, gaze_space: "screen" };
}

export class Recorder {
  #store;
  #clock;
  #batcher;
  #appending = Promise.resolve();
  #delivery;
  #timer;
  #listener;
  #isFull = false;
  #isTaking; // frames; ends with the press of a button, before the state that follows is written down

  /**
   * @param store see store.js
   * @param row of a new recording or of one to go on with
   * @param {Function} io of Socket.IO's client
   * @param listener as Delivery's, and onFull: () => void when no more can wait here, onFault: (error) => void
   */
  constructor(store, row, io, listener) {
    this.#store = store;
    this.row = row;
    this.#batcher = new Batcher(row.tracker.columns, BATCH_US);
    this.#listener = listener;
    this.#clock = new FrameClock(row.startedAt_ms, row.last_us);
    this.#isTaking = row.state === "running";
    const options = { transports: ["websocket"], auth: CONNECT_AUTH, autoConnect: false, forceNew: true, reconnectionDelay: 500, reconnectionDelayMax: 5000 };
    this.#delivery = new Delivery(io(NAMESPACE, options), store, row, { ...listener, onEnd: (code, message) => this.#ended(code, message) });
    this.#timer = setInterval(() => this.#delivery.pump(), PUMP_EVERY_MS);
  }

  static async begin(store, io, listener, { id, user, tracker, startedAt_ms, participant, calibration }) {
    const row = newRow(id, user, tracker, startedAt_ms, participant, calibration);
    await store.save(row);
    return new Recorder(store, row, io, listener);
  }

  get isOpen() {
    return this.#delivery.isOpen;
  }

  get nWaiting() {
    return this.row.nextSeq - this.row.firstSeq;
  }

  get length_us() {
    return Math.max(0, this.#clock.last_us);
  }

  start() {
    this.#delivery.start();
  }

  /** Take a frame of the camera; does nothing while the recording is not running. */
  push(timestamp_us, frame, now_ms) {
    if (!this.#isTaking) return;
    const t_us = this.#clock.take(timestamp_us, now_ms);
    if (t_us === null) return;
    this.#queue(this.#batcher.push(t_us, withGaze(frame, this.row.calibration)));
  }

  /** The camera stops or is another one from here on: the next frame is placed by the wall clock. */
  interrupt() {
    this.#queue(this.#batcher.flush());
    this.#clock.interrupt();
  }

  async pause() {
    this.#isTaking = false;
    this.interrupt();
    await this.#setState("paused");
  }

  async resume() {
    this.#isFull = false;
    await this.#setState("running");
    this.#isTaking = true;
  }

  /** No more frames: once all is stored the recording is closed and `onEnd` told. */
  async stop() {
    this.#isTaking = false;
    this.interrupt();
    await this.#setState("closing");
    this.#delivery.pump();
  }

  /** Leave the page: what waits is in the store, and the recording goes on with it another time. */
  leave() {
    clearInterval(this.#timer);
    this.#queue(this.#batcher.flush());
    this.#delivery.abandon();
  }

  async #setState(state) {
    await this.#appending;
    this.row.state = state;
    await this.#store.save({ ...this.row });
  }

  #queue(batch) {
    if (batch === null || this.#isFull) return;
    const { times_us, columns } = batch;
    const payload = encodeBatch(times_us, columns);
    const item = { payload, crc32: checksum(payload), n: times_us.length, t0_us: times_us[0], t1_us: times_us.at(-1) };
    this.#appending = this.#appending.then(() => this.#append(item));
  }

  async #append(item) {
    try {
      await this.#store.append(this.row, item);
      this.#listener.onChange();
      this.#delivery.pump();
    } catch (error) {
      if (!(error instanceof QueueFullError)) this.#listener.onFault(error);
      else if (!this.#isFull) {
        this.#isFull = true;
        this.#listener.onFull();
      }
    }
  }

  async #ended(code, message) {
    clearInterval(this.#timer);
    await this.#appending;
    if (code === "done" || code === "closed") await this.#store.remove(this.row);
    this.#listener.onEnd(code, message);
  }
}
