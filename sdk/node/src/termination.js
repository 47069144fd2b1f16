/** SIGTERM, taken as the request to drain that it is. Only where the program has no handler of its own. */

/** Our SIGTERM handler, while it is installed. */
export class Termination {
  #handler = null;

  /** @param {() => void} told called once */
  constructor(told) {
    if (process.listenerCount('SIGTERM') > 0) return;
    let signalled = false;
    this.#handler = () => {
      if (signalled) return;
      signalled = true;
      // hearken sends its drain frame, which says more, before it sends SIGTERM. Between the two turns of the event loop
      // the line is read.
      setImmediate(() => setImmediate(told));
    };
    process.on('SIGTERM', this.#handler);
  }

  /**
   * Back to the default. A process that is on its way out does not call this: the SIGTERM behind the drain frame must
   * not turn the exit of a program that was quick to drain into a death by signal.
   */
  remove() {
    if (this.#handler !== null) process.removeListener('SIGTERM', this.#handler);
    this.#handler = null;
  }
}
