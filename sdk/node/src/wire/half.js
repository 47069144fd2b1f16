/** A frame that has begun, and the time it has to become whole. */

import { performance } from 'node:perf_hooks';

/** Milliseconds from the first byte to the last. */
export const COMPLETION = 5000;
/** Milliseconds. Who notices so much later that the time is over did not look: the rest of the frame may lie unread. */
const LATE = 1000;

/** The clock of a frame that is half there. */
export class HalfFrame {
  #completion;
  #late;
  #timer = null;

  /** @param {number} [completion] @param {number} [late] both in milliseconds */
  constructor(completion = COMPLETION, late = LATE) {
    this.#completion = completion;
    this.#late = late;
  }

  /**
   * Notes what a read has left: part of a frame or nothing. It is another frame than before if one was whole.
   *
   * @param {() => void} over called once when the time for the rest is over
   */
  note(isHalf, wasWhole, over) {
    if (this.#timer !== null && (!isHalf || wasWhole)) this.stop();
    if (isHalf && this.#timer === null) this.#begin(over);
  }

  /** No frame is waited for any more. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #begin(over) {
    const deadline = performance.now() + this.#completion;
    // It does not keep a program alive that has nothing else to do.
    const timer = setTimeout(() => {
      // The rest may have come while the event loop was busy, which sees to timers first: it reads once more.
      setImmediate(() => {
        if (this.#timer !== timer) return;
        if (performance.now() <= deadline + this.#late) over();
        else this.#begin(over);
      });
    }, this.#completion).unref();
    this.#timer = timer;
  }
}
