/** How a task ends, in messages: a result, an error or a snooze, and which of them the supervisor has not acked yet. */

import { delayMs } from '../ending.js';
import { FrameTooLarge, LineLost, NotSendable } from '../errors.js';
import { tell } from '../speech.js';
import { cut, plainMap } from '../values.js';
import { Encoder } from '../wire/encoder.js';
import { MAX_CHUNK } from '../wire/messages.js';
import { Result, Snooze, bytesOf } from './outcome.js';

const RESULT = 7;
const ERROR = 8;
const SNOOZE = 11;
/** More than a `chunk` or a `result` needs beside its data. */
const AROUND = 64;
/** The containers around the data of a result. */
const DATA_DEPTH = 2;

/** Answers tasks over one line. */
export class Answers {
  #line;
  /** Handle and kind of what the supervisor has not put on disk yet: leaving earlier would lose it. */
  #unacked = new Map();

  /** @param {import('../line.js').Line} line */
  constructor(line) {
    this.#line = line;
  }

  /** How many answers have no ack. */
  get unacked() {
    return this.#unacked.size;
  }

  /** Whether the answer of that handle has no ack. */
  awaits(handle) {
    return this.#unacked.has(handle);
  }

  /** The supervisor has it on disk. An ack of anything else is stale and dropped. */
  acked(handle, of) {
    if (this.#unacked.get(handle) === of) this.#unacked.delete(handle);
  }

  /**
   * The task is done. Gives a promise only if the answer is too long to be said at once. What cannot be sent as a result
   * throws, and the task is still open.
   */
  result(handle, returned) {
    if (returned instanceof Snooze) return this.snooze(handle, returned);
    const result = returned instanceof Result ? returned : new Result(returned);
    const fields = {
      handle,
      data: result.data,
      content_type: result.contentType,
      summary: result.summary == null ? undefined : plainMap(result.summary),
    };
    const bytes = bytesOf(result.data);
    if ((bytes?.length ?? 0) <= this.#pieceSize && this.#fits(fields)) {
      this.#unacked.set(handle, RESULT);
      return undefined;
    }
    return this.#inChunks(fields, bytes);
  }

  /** The task failed. */
  error(handle, thrown) {
    const say = (fields) => this.#line.say('error', { handle, ...fields });
    try {
      tell(thrown, say, true);
    } catch (unsayable) {
      if (unsayable instanceof LineLost) throw unsayable;
      // A failure whose scope or delay is none: the task must not stay open.
      tell(unsayable, say, true);
    }
    this.#unacked.set(handle, ERROR);
  }

  /** The task is to come back later. */
  snooze(handle, { afterMs, message }) {
    this.#line.say('snooze', { handle, delay_ms: delayMs(afterMs) ?? 0, reason: cut(message) });
    this.#unacked.set(handle, SNOOZE);
  }

  /** How much of a result goes into one frame, in bytes. */
  get #pieceSize() {
    return Math.max(1, Math.min(MAX_CHUNK, this.#line.maxFrame - AROUND));
  }

  #fits(fields) {
    try {
      this.#line.say('result', fields, MAX_CHUNK);
      return true;
    } catch (error) {
      if (error instanceof FrameTooLarge) return false;
      throw error;
    }
  }

  async #inChunks({ data, ...fields }, bytes) {
    const whole = bytes ?? packed(data);
    fields.content_type = bytes === undefined ? 'application/msgpack' : fields.content_type ?? 'application/octet-stream';
    const size = this.#pieceSize;
    fields.chunks = Math.ceil(whole.length / size);
    for (let sequence = 0; sequence < fields.chunks; sequence++) {
      const piece = whole.subarray(sequence * size, (sequence + 1) * size);
      this.#line.say('chunk', { handle: fields.handle, sequence, data: piece, last: sequence + 1 === fields.chunks });
      // A result of a gigabyte is not copied as a whole into memory before the supervisor reads the first piece.
      await this.#line.drained();
    }
    this.#line.say('result', fields);
    this.#unacked.set(fields.handle, RESULT);
  }
}

function packed(data) {
  const encoder = new Encoder();
  try {
    encoder.value(data, DATA_DEPTH);
  } catch (error) {
    throw new NotSendable(`result cannot be sent: ${error.message}; return text, numbers, lists and maps`, { cause: error });
  }
  return encoder.release();
}
