// Which batch to send next over one connection; the same rules as focus/client/window.py.

export class DeliveryWindow {
  #inFlight = new Set();
  #resumeSeq = null;
  #drainFirst = false;
  #limit;

  constructor(nextSeq, inFlightLimit) {
    this.nextToSend = nextSeq;
    this.storedSeq = nextSeq;
    this.#limit = inFlightLimit;
  }

  get nInFlight() {
    return this.#inFlight.size;
  }

  /** Whether `nextToSend` may go out now, if the queue ends before `endSeq`. */
  maySend(endSeq) {
    return !this.#drainFirst && this.nextToSend < endSeq && this.#inFlight.size < this.#limit;
  }

  sent() {
    this.#inFlight.add(this.nextToSend);
    this.nextToSend += 1;
  }

  /** The server has reported all below `nextSeq` as stored. */
  stored(nextSeq) {
    this.storedSeq = Math.max(this.storedSeq, nextSeq);
    this.nextToSend = Math.max(this.nextToSend, this.storedSeq);
    for (const seq of [...this.#inFlight]) if (seq < this.storedSeq) this.#inFlight.delete(seq);
    this.#goOnWhenDrained();
  }

  /** The server has refused `seq` and, where it said so, goes on from `nextSeq`; first all others are waited for. */
  refused(seq, nextSeq = null) {
    this.#inFlight.delete(seq);
    if (nextSeq !== null) this.#resumeSeq = this.#resumeSeq === null ? nextSeq : Math.min(this.#resumeSeq, nextSeq);
    this.#drainFirst = true;
    this.#goOnWhenDrained();
  }

  #goOnWhenDrained() {
    if (!this.#drainFirst || this.#inFlight.size > 0) return;
    this.#drainFirst = false;
    this.nextToSend = Math.max(this.#resumeSeq ?? this.storedSeq, this.storedSeq);
    this.#resumeSeq = null;
  }
}
