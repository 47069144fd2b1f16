/** What a program says, each message a method. The worker speaks for the process, a task for itself. */

import { describe } from './ending.js';
import { FrameTooLarge } from './errors.js';
import { cut, plainMap, shown } from './values.js';

const LEVELS = new Map(
  Object.entries({ trace: 0, debug: 1, info: 2, warn: 3, warning: 3, error: 4, fatal: 5, critical: 5 }),
);
const METRICS = { counter: 'c', gauge: 'g', histogram: 'h' };

/** Says one message: `this[SAY](name, fields)`. For this package alone. */
export const SAY = Symbol('say');

export class Speech {
  /**
   * How far the work is. All of it may be left out.
   *
   * @param {number | bigint} [done]
   * @param {number | bigint} [total]
   * @param {{ unit?: string, stage?: string, message?: string }} [more]
   */
  progress(done, total, { unit, stage, message } = {}) {
    this[SAY]('progress', { done, total, unit, stage, message: message == null ? undefined : cut(message) });
  }

  /**
   * A structured log line.
   *
   * @param {string | number} level trace, debug, info, warn, error or fatal, or 0 to 5
   * @param {unknown} message
   * @param {object} [fields] anything; what cannot be sent becomes text
   * @param {string} [target] the part of the program that says it
   */
  log(level, message, fields, target) {
    const said = fields == null ? {} : plainMap(fields);
    this[SAY]('log', {
      level: LEVELS.get(level) ?? level,
      message: cut(message),
      target,
      fields: Object.keys(said).length > 0 ? said : undefined,
      time: Date.now() * 1000,
    });
  }

  /**
   * A number to keep count of.
   *
   * @param {string} name dotted
   * @param {number} value finite
   * @param {{ type?: 'counter' | 'gauge' | 'histogram', labels?: object }} [more] a counter's values are added up, a
   *   gauge's last one counts, a histogram's are observations
   */
  metric(name, value, { type = 'counter', labels } = {}) {
    const texts = labels == null ? undefined : Object.fromEntries(Object.entries(labels).map(([key, text]) => [cut(key), cut(text)]));
    this[SAY]('metric', { name, type: METRICS[type] ?? shown(type), value, labels: texts });
  }

  /** Something happened that other programs may want to know. `name` is dotted, `fields` anything. */
  event(name, fields = {}) {
    this[SAY]('event', { name, fields: plainMap(fields) });
  }
}

/**
 * Says an error, in full or, if that does not fit a frame, without its details: the error itself must not be lost.
 *
 * @param {boolean} [ofTask] whether it ended a task, and not the program
 */
export function tell(thrown, say, ofTask = false) {
  const fields = describe(thrown, ofTask);
  try {
    say(fields);
  } catch (error) {
    if (!(error instanceof FrameTooLarge)) throw error;
    say({ ...fields, details: { dropped: error.message }, causes: undefined });
  }
}
