// The delivery against a server that loses connections, refuses, and forgets nothing: each batch once and in order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Delivery } from "../../../focus/web/static/tracker/delivery.js";
import { newRow } from "../../../focus/web/static/tracker/store.js";
import { DeliveryWindow } from "../../../focus/web/static/tracker/window.js";

const LIMITS = { max_batch_bytes: 262144, max_frames: 5000, in_flight: 3 };

/** The store without a database. */
class MemoryStore {
  batches = new Map();

  async save() {}

  async append(row, text) {
    this.batches.set(row.nextSeq, { n: 1, t0_us: row.nextSeq, t1_us: row.nextSeq, crc32: 0, payload: text });
    row.nextSeq += 1;
  }

  async release(row, nextSeq) {
    for (; row.firstSeq < nextSeq; row.firstSeq += 1) this.batches.delete(row.firstSeq);
  }

  async get(row, seq) {
    return this.batches.get(seq);
  }
}

/** A Socket.IO socket whose other end is a server in this file. */
class FakeSocket {
  connected = false;
  active = true;
  #listeners = {};

  constructor(server) {
    this.server = server;
    server.socket = this;
  }

  on(event, listener) { this.#listeners[event] = listener; }
  tell(event, message) { return this.#listeners[event]?.(message); }
  timeout() { return { emit: (event, message, answer) => this.server.asked(event, message, (reply) => answer(null, reply)) }; }
  emit(event, message) { setImmediate(() => this.connected && this.server.told(event, message)); }

  connect() {
    this.connected = true;
    this.tell("connect");
  }

  disconnect(reason = "io client disconnect") {
    if (!this.connected) return;
    this.connected = false;
    this.tell("disconnect", reason);
  }
}

/** Stores what comes in order; `faults` are answered first, one a batch. */
class FakeServer {
  stored = [];
  sent = [];
  faults = [];
  isClosed = false;
  openAnswer = null;
  opens = [];

  asked(event, message, answer) {
    if (event === "open") this.opens.push(message);
    if (event === "open") answer(this.openAnswer ?? { next_seq: this.stored.length, lease: "lease", limits: LIMITS });
    if (event === "close") {
      this.isClosed = message.last_seq === this.stored.length - 1;
      answer({ next_seq: this.stored.length });
    }
  }

  told(event, message) {
    if (event !== "frames") return;
    this.sent.push(message.seq);
    const fault = this.faults.shift();
    const { recording } = message;
    if (fault === "cut before storing") this.socket.disconnect("transport close");
    else if (fault === "cut after storing") {
      this.stored.push(message.payload);
      this.socket.disconnect("transport close");
    } else if (fault) this.socket.tell("refused", { recording, seq: message.seq, ...fault });
    else if (message.seq !== this.stored.length) this.socket.tell("refused", { recording, seq: message.seq, code: "gap", next_seq: this.stored.length });
    else {
      this.stored.push(message.payload);
      this.socket.tell("stored", { recording, next_seq: this.stored.length });
    }
  }
}

const settle = async () => { for (let i = 0; i < 60; i += 1) await new Promise(setImmediate); };

async function delivering(nBatches, { faults = [], openAnswer = null, participant = null } = {}) {
  const server = Object.assign(new FakeServer(), { faults, openAnswer });
  const store = new MemoryStore();
  const row = newRow("11111111-1111-1111-1111-111111111111", "1", { name: "Browser camera", columns: [] }, 0, participant);
  for (let i = 0; i < nBatches; i += 1) await store.append(row, `batch ${i}`);
  const ends = [];
  const due = [];
  let now_ms = 0;
  const listener = { onChange() {}, onLink() {}, onEnd: (code) => ends.push(code) };
  const delivery = new Delivery(new FakeSocket(server), store, row, listener, { now_ms: () => now_ms, later: (act, ms) => due.push([now_ms + ms, act]) });
  delivery.start();
  await settle();
  async function pass(ms) {
    now_ms += ms;
    for (const item of due.splice(0)) item[0] <= now_ms ? item[1]() : due.push(item);
    await settle();
  }
  return { server, store, row, delivery, ends, pass };
}

const numbered = (n) => Array.from({ length: n }, (_, i) => `batch ${i}`);

test("a recording for a participant says at every opening whose it is, and one's own says nothing", async () => {
  const run = await delivering(2, { participant: 7, faults: ["cut before storing"] });
  run.delivery.start();
  await settle();
  const own = await delivering(2);
  assert.ok(run.server.opens.length >= 2);
  assert.deepEqual(new Set(run.server.opens.map((message) => message.participant)), new Set([7]));
  assert.ok(!("participant" in own.server.opens[0]));
});

test("all batches arrive once, in order, and leave the store", async () => {
  const { server, store, row } = await delivering(10);
  assert.deepEqual(server.stored, numbered(10));
  assert.equal(store.batches.size, 0);
  assert.equal(row.firstSeq, 10);
});

for (const fault of ["cut before storing", "cut after storing"]) {
  test(`a connection ${fault} loses and doubles nothing`, async () => {
    const { server, store, delivery } = await delivering(8, { faults: [null, null, fault] });
    server.socket.connect();
    await settle();
    assert.deepEqual(server.stored, numbered(8));
    assert.equal(store.batches.size, 0);
    assert.ok(delivery.isOpen);
  });
}

test("a connection that is lost while its opening is written down sends nothing", async () => {
  const { server, store, delivery } = await delivering(2);
  let write;
  store.save = () => new Promise((resolve) => { write = resolve; });
  server.socket.disconnect("transport close");
  server.socket.connect();
  await settle();
  server.socket.disconnect("transport close");
  write();
  await settle();
  assert.equal(delivery.isOpen, false);
});

test("a busy server is given the time it asks for", async () => {
  const { server, pass } = await delivering(5, { faults: [null, { code: "busy", retry_ms: 1000 }] });
  assert.equal(server.stored.length, 1);
  await pass(500);
  assert.equal(server.stored.length, 1);
  await pass(600);
  assert.deepEqual(server.stored, numbered(5));
});

test("after a gap it goes on where the server says, when all others are answered", async () => {
  const { server, pass } = await delivering(6, { faults: [null, { code: "gap", next_seq: 1 }] });
  await pass(2000);
  assert.deepEqual(server.stored, numbered(6));
});

test("a batch that is refused three times as malformed is the end", async () => {
  const broken = { code: "frame_value", message: "no" };
  const { ends, pass } = await delivering(1, { faults: [broken, broken, broken] });
  await pass(1000);
  await pass(1000);
  assert.deepEqual(ends, ["frame_value"]);
});

test("a recording is closed only after all of it is stored", async () => {
  const { server, row, delivery, ends } = await delivering(4);
  row.state = "closing";
  await delivery.pump();
  await settle();
  assert.ok(server.isClosed);
  assert.deepEqual(ends, ["done"]);
});

test("a server that is further than this browser, or behind what it has let go of, is a conflict", async () => {
  const ahead = await delivering(2, { openAnswer: { next_seq: 5, lease: "lease", limits: LIMITS } });
  assert.deepEqual(ahead.ends, ["seq_conflict"]);
  const behind = await delivering(2);
  behind.server.openAnswer = { next_seq: 0, lease: "lease", limits: LIMITS };
  behind.server.socket.disconnect("transport close");
  behind.server.socket.connect();
  await settle();
  assert.deepEqual(behind.ends, ["seq_conflict"]);
});

test("a recording that was ended elsewhere is told as such, and as done when everything is there", async () => {
  const elsewhere = await delivering(3, { openAnswer: { code: "closed", message: "it has ended", next_seq: 1 } });
  assert.deepEqual(elsewhere.ends, ["closed"]);
  const complete = await delivering(3, { openAnswer: { code: "closed", message: "it has ended", next_seq: 3 } });
  assert.deepEqual(complete.ends, ["done"]);
});

test("a browser that is logged out is told so and nothing is let go", async () => {
  const { server, store, ends } = await delivering(3, { openAnswer: { code: "unauthenticated", message: "log in" } });
  assert.deepEqual(ends, ["unauthenticated"]);
  assert.equal(store.batches.size, 3);
  assert.deepEqual(server.sent, []);
});

test("a recording that another connection has taken is let alone, and nothing of it is let go", async () => {
  const { server, store, row, delivery, ends } = await delivering(1);
  server.socket.tell("evicted", { recording: row.id });
  await store.append(row, "batch 1");
  await delivery.pump();
  await settle();
  assert.deepEqual(ends, ["evicted"]);
  assert.equal(server.socket.connected, false);
  assert.equal(store.batches.size, 1);
});

test("without consent nothing is sent and nothing is let go", async () => {
  const { server, store, ends } = await delivering(2, { openAnswer: { code: "consent", message: "no consent" } });
  assert.deepEqual(ends, ["consent"]);
  assert.equal(store.batches.size, 2);
  assert.deepEqual(server.sent, []);
});

test("the window sends no more than it may, and waits for all answers after a refusal", () => {
  const window = new DeliveryWindow(4, 2);
  window.sent();
  window.sent();
  assert.equal(window.maySend(10), false);
  window.refused(4, 4);
  assert.equal(window.maySend(10), false);
  window.refused(5, 6);
  assert.equal(window.nextToSend, 4);
  assert.equal(window.maySend(10), true);
});
