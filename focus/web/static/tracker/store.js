// Batches that wait to be stored by the server, and the recordings they belong to, in this browser's IndexedDB: they
// outlive a reload, a crash of the tab, and the loss of the network.
//
// A recording's row: {id, user, tracker, startedAt_ms, participant, calibration, state: "running" | "paused" | "closing", lease,
// isOpened, firstSeq, nextSeq, last_us, nFrames, waiting_bytes}. Batches firstSeq..nextSeq-1 wait. Each change of a row goes into
// the database in one transaction with the batches it tells of, and one change after the other: a row written from the
// middle of another change would bring back numbers that are used up.

const NAME = "focus-tracker";
const VERSION = 1;

/** Most bytes that wait in this browser: about six hours of a webcam without any network. */
export const MAX_WAITING_BYTES = 32 * 1024 * 1024;

/** A reload goes on with its recording if its last frame is no older. */
export const RESUME_WITHIN_MS = 15 * 60 * 1000;

export class QueueFullError extends Error {}

export function newRow(id, user, tracker, startedAt_ms, participant = null, calibration = null) {
  return {
    id, user, tracker, startedAt_ms, participant, calibration,
    state: "running", lease: null, isOpened: false, firstSeq: 0, nextSeq: 0, last_us: -1, nFrames: 0, waiting_bytes: 0,
  };
}

/**
 * The recording that a page goes on with, and those that are only brought to their end: a person who comes back after
 * long begins anew, and does not go on with yesterday's session.
 */
export function sortUnfinished(rows, now_ms) {
  const endedAt_ms = (row) => row.startedAt_ms + Math.max(0, row.last_us) / 1000;
  const goesOn = (row) => row.state !== "closing" && now_ms - endedAt_ms(row) < RESUME_WITHIN_MS;
  const current = rows.findLast(goesOn) ?? null;
  return { current, ending: rows.filter((row) => row !== current) };
}

export class Store {
  #database;
  #last = Promise.resolve(); // the newest change

  constructor(database) {
    this.#database = database;
  }

  static async open() {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("recordings", { keyPath: "id" });
      request.result.createObjectStore("batches", { keyPath: ["recording", "seq"] });
    };
    return new Store(await answered(request));
  }

  /** Rows of a person's recordings that are not finished, the oldest first. */
  async recordingsOf(user) {
    const rows = await answered(this.#transaction("readonly").objectStore("recordings").getAll());
    return rows.filter((row) => row.user === user).sort((a, b) => a.startedAt_ms - b.startedAt_ms);
  }

  /** Write a row down; where this browser is full, that is done with the next change that fits. */
  async save(row) {
    return this.#inOrder(async () => {
      const transaction = this.#transaction("readwrite");
      transaction.objectStore("recordings").put({ ...row });
      await finished(transaction).catch(unlessFull);
    });
  }

  /** Put a batch at the end of a recording; QueueFullError, with nothing changed, when too much is waiting. */
  async append(row, batch) {
    return this.#inOrder(() => this.#append(row, batch));
  }

  async #append(row, { payload, crc32, n, t0_us, t1_us }) {
    if (row.waiting_bytes + payload.length > MAX_WAITING_BYTES) throw new QueueFullError("the queue is full");
    const changes = {
      nextSeq: row.nextSeq + 1, last_us: t1_us, nFrames: row.nFrames + n, waiting_bytes: row.waiting_bytes + payload.length,
    };
    const transaction = this.#transaction("readwrite");
    transaction.objectStore("batches").put({ recording: row.id, seq: row.nextSeq, payload, crc32, n, t0_us, t1_us });
    transaction.objectStore("recordings").put({ ...row, ...changes });
    await finished(transaction).catch((error) => {
      unlessFull(error);
      throw new QueueFullError(error.message);
    });
    Object.assign(row, changes);
  }

  /** Let go of all batches below a number: the server has stored them. */
  async release(row, nextSeq) {
    return this.#inOrder(async () => {
      if (nextSeq <= row.firstSeq) return;
      const range = IDBKeyRange.bound([row.id, row.firstSeq], [row.id, nextSeq], false, true);
      const gone = await answered(this.#transaction("readonly").objectStore("batches").getAll(range));
      const gone_bytes = gone.reduce((sum, batch) => sum + batch.payload.length, 0);
      const changes = { firstSeq: nextSeq, waiting_bytes: row.waiting_bytes - gone_bytes };
      const transaction = this.#transaction("readwrite");
      transaction.objectStore("batches").delete(range);
      transaction.objectStore("recordings").put({ ...row, ...changes });
      await finished(transaction).catch(async (error) => {
        unlessFull(error);
        // A full browser takes no row, not even one that tells of less. Without the batches it will take the next.
        const emptying = this.#transaction("readwrite");
        emptying.objectStore("batches").delete(range);
        await finished(emptying);
      });
      Object.assign(row, changes);
    });
  }

  async get(row, seq) {
    return answered(this.#transaction("readonly").objectStore("batches").get([row.id, seq]));
  }

  /** Forget a recording and whatever of it still waits. */
  async remove(row) {
    return this.#inOrder(async () => {
      const transaction = this.#transaction("readwrite");
      transaction.objectStore("batches").delete(IDBKeyRange.bound([row.id, 0], [row.id, Infinity]));
      transaction.objectStore("recordings").delete(row.id);
      await finished(transaction);
    });
  }

  #inOrder(change) {
    const done = this.#last.then(change);
    this.#last = done.catch(() => {}); // whoever asked is told; the next change goes on
    return done;
  }

  #transaction(mode) {
    return this.#database.transaction(["recordings", "batches"], mode);
  }
}

function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** What fails aborts its transaction, which only then says why. */
function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

function unlessFull(error) {
  if (error?.name !== "QuotaExceededError") throw error;
}
