/** Which function does which tasks. */

import { Invalid } from '../failures.js';

/** The handler of tasks without a type, where there are several. */
const DEFAULT = 'default';

/** Finds the handler of a task. */
export class Handlers {
  #forAll = null;
  #byType = new Map();

  /** @param {Function | Record<string, Function>} handlers one function for all types, or one for each */
  constructor(handlers) {
    if (typeof handlers === 'function') {
      this.#forAll = handlers;
      return;
    }
    if (typeof handlers !== 'object' || handlers === null) {
      throw new TypeError('handlers: give one function for all tasks, or an object with one for each type');
    }
    this.#byType = new Map(Object.entries(handlers));
    if (this.#byType.size === 0) throw new TypeError('handlers: there is none; give one for each type of task');
    for (const [type, handler] of this.#byType) {
      if (typeof handler !== 'function') throw new TypeError(`handlers: the one of '${type}' is no function`);
    }
  }

  /** What `hello` says: the types, if there are several. */
  get types() {
    return this.#byType.size > 1 ? [...this.#byType.keys()] : undefined;
  }

  /** The handler for tasks of `type`, or `Invalid` with the code `task.type_unknown`. */
  of(type) {
    if (this.#forAll !== null) return this.#forAll;
    if (type === undefined && this.#byType.size === 1) return this.#byType.values().next().value;
    const handler = this.#byType.get(type ?? DEFAULT);
    if (handler !== undefined) return handler;
    const asked = type === undefined ? 'a task without a type' : `tasks of the type '${type}'`;
    throw new Invalid(`no handler for ${asked}; this worker has them for ${[...this.#byType.keys()].join(', ')}`, {
      code: 'task.type_unknown',
    });
  }
}
