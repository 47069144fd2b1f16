/**
 * Frames: a u32 big-endian length, then exactly one MessagePack value, the array `[kind, fields]`.
 *
 * Everything that comes in is checked before it is believed: the length before anything is kept, then the first byte,
 * then that the value fills the frame and is nested no deeper than 32.
 */

import { FrameTooLarge, LineError, NotSendable, ProtocolError } from '../errors.js';
import { Decoder, Malformed } from './decoder.js';
import { Overflow } from './encoder.js';
import * as messages from './messages.js';

export const MAX_FRAME_BEFORE_WELCOME = 64 * 1024;
export const MAX_FRAME_CEILING = 16 * 1024 * 1024;

const HEAD = 4;
const PAIR = 0x92; // an array of two: the first byte of every body
const EMPTY_ARRAY = 0x90;
const LAST_KIND = 127;

/** Appends one whole frame, or nothing and throws `FrameTooLarge` or `NotSendable`. */
export function append(encoder, name, fields, maxFrame) {
  const start = encoder.length;
  encoder.limit = start + HEAD + maxFrame;
  try {
    encoder.reserve(HEAD);
    messages.write(encoder, name, fields);
  } catch (error) {
    encoder.length = start;
    throw refusal(name, error, maxFrame);
  }
  encoder.bytes.writeUInt32BE(encoder.length - start - HEAD, start);
}

function refusal(name, error, maxFrame) {
  if (error instanceof Overflow) {
    return new FrameTooLarge(
      `${name} does not fit a frame, whose limit is ${maxFrame} bytes; ` +
        'send less, or raise max_frame in the configuration of hearken',
    );
  }
  if (error instanceof LineError) return error;
  return new NotSendable(`${name} cannot be sent: ${error.message}; send text, numbers, lists and maps`, { cause: error });
}

/** The kind and the fields of one body, from `start` to `end`, or `ProtocolError`. */
export function decode(bytes, start = 0, end = bytes.length) {
  if (start === end || bytes[start] !== PAIR) return refuse(bytes, start, end, 'does not start with [kind, fields]');
  let kind;
  let fields;
  let left;
  try {
    const decoder = new Decoder(bytes, start + 1, end);
    kind = decoder.value(1);
    // How PHP writes an empty map.
    fields = decoder.left === 1 && bytes[end - 1] === EMPTY_ARRAY ? (decoder.value(1), {}) : decoder.value(1);
    left = decoder.left;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return refuse(bytes, start, end, `is not [kind, fields] in MessagePack (${error.message})`);
  }
  if (left > 0) refuse(bytes, start, end, 'goes on after its value');
  if (!Number.isInteger(kind) || kind < 0 || kind > LAST_KIND) {
    refuse(bytes, start, end, 'has a kind that is not a number from 0 to 127');
  }
  if (!isMap(fields)) refuse(bytes, start, end, 'has fields that are not a map with text for keys');
  return { kind, fields };
}

function refuse(bytes, start, end, why) {
  throw new ProtocolError(`a frame ${why}: ${shown(bytes.subarray(start, end))}`);
}

function isMap(value) {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Cuts the stream into frames. Keeps what has come of one until the rest is there. */
export class Splitter {
  #pieces = [];
  #size = 0;
  /** So many bytes must be there before it is worth another look. */
  #wanted = 1;

  /** How many bytes have come of a frame that is not complete. */
  get kept() {
    return this.#size;
  }

  /**
   * Takes what was read and hands over each frame that is complete: `frame(bytes, start, end)`. The limit is asked for
   * before each: `welcome` changes it for what follows.
   *
   * @param {Buffer} data may be written over after the call
   * @param {() => number} maxFrame
   */
  feed(data, maxFrame, frame) {
    if (this.#size === 0) return this.#cut(data, maxFrame, frame);
    this.#pieces.push(Buffer.from(data));
    this.#size += data.length;
    // A frame of megabytes comes in hundreds of pieces: they are joined once, not at every piece.
    if (this.#size >= this.#wanted) this.#cut(Buffer.concat(this.#pieces), maxFrame, frame);
  }

  #cut(bytes, maxFrame, frame) {
    let at = 0;
    this.#wanted = HEAD;
    while (bytes.length - at >= HEAD) {
      const length = bytes.readUInt32BE(at);
      const limit = maxFrame();
      if (length < 1 || length > limit) {
        throw new ProtocolError(
          `a frame of ${length} bytes was announced, allowed are 1 to ${limit}: ${shown(bytes.subarray(at))}`,
        );
      }
      const start = at + HEAD;
      this.#wanted = HEAD + length;
      if (bytes.length - start < length) break;
      at = start + length;
      this.#wanted = HEAD;
      frame(bytes, start, at);
    }
    this.#size = bytes.length - at;
    this.#pieces = this.#size > 0 ? [Buffer.from(bytes.subarray(at))] : [];
  }
}

function shown(bytes) {
  return JSON.stringify(bytes.toString('latin1', 0, 64));
}
