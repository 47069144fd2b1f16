/**
 * MessagePack in, from another process: every claimed length is held against the bytes that are there before anything
 * is made of it, and nothing nests deeper than `MAX_DEPTH`.
 */

import { Extension } from './extension.js';

/** The deepest nesting of arrays and maps in a frame, its own array included. */
export const MAX_DEPTH = 32;

/** Up to here a loop over the bytes is faster than a call into the runtime. */
const SHORT_TEXT = 24;
const TWO_TO_32 = 0x1_0000_0000;

/** Bytes that are no MessagePack, or too much of it. The caller says where they came from. */
export class Malformed extends Error {}

/** Reads values one after the other. Everything it gives is a copy: the bytes may be written over afterwards. */
export class Decoder {
  #bytes;
  #at;
  #end;

  /** @param {Buffer} bytes read from `start` (inclusive) to `end` (exclusive) */
  constructor(bytes, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** How many bytes are left. */
  get left() {
    return this.#end - this.#at;
  }

  /**
   * The next value. Integers beyond ±(2^53 - 1) are BigInt; text that is not UTF-8 and binary are Buffer; a map is a plain
   * object, or a Map if a key is no text.
   *
   * @param {number} depth the containers around it
   */
  value(depth) {
    const head = this.#byte();
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head >= 0xa0 && head < 0xc0) return this.#text(head & 0x1f);
    if (head < 0x90) return this.#map(head & 0x0f, depth);
    if (head < 0xa0) return this.#array(head & 0x0f, depth);
    switch (head) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.#binary(this.#unsigned(1));
      case 0xc5: return this.#binary(this.#unsigned(2));
      case 0xc6: return this.#binary(this.#unsigned(4));
      case 0xc7: return this.#extension(this.#unsigned(1));
      case 0xc8: return this.#extension(this.#unsigned(2));
      case 0xc9: return this.#extension(this.#unsigned(4));
      case 0xca: return this.#bytes.readFloatBE(this.#take(4));
      case 0xcb: return this.#bytes.readDoubleBE(this.#take(8));
      case 0xcc: return this.#unsigned(1);
      case 0xcd: return this.#unsigned(2);
      case 0xce: return this.#unsigned(4);
      case 0xcf: return this.#unsigned64();
      case 0xd0: return this.#bytes.readInt8(this.#take(1));
      case 0xd1: return this.#bytes.readInt16BE(this.#take(2));
      case 0xd2: return this.#bytes.readInt32BE(this.#take(4));
      case 0xd3: return this.#signed64();
      case 0xd4: return this.#extension(1);
      case 0xd5: return this.#extension(2);
      case 0xd6: return this.#extension(4);
      case 0xd7: return this.#extension(8);
      case 0xd8: return this.#extension(16);
      case 0xd9: return this.#text(this.#unsigned(1));
      case 0xda: return this.#text(this.#unsigned(2));
      case 0xdb: return this.#text(this.#unsigned(4));
      case 0xdc: return this.#array(this.#unsigned(2), depth);
      case 0xdd: return this.#array(this.#unsigned(4), depth);
      case 0xde: return this.#map(this.#unsigned(2), depth);
      case 0xdf: return this.#map(this.#unsigned(4), depth);
      default: throw new Malformed('the reserved byte 0xc1');
    }
  }

  /** Steps over `length` bytes that must be there, and gives where they begin. */
  #take(length) {
    if (length > this.#end - this.#at) {
      throw new Malformed(`it claims ${length} bytes where ${this.#end - this.#at} are left`);
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }

  #byte() {
    if (this.#at >= this.#end) throw new Malformed('it ends in the middle of a value');
    return this.#bytes[this.#at++];
  }

  #unsigned(length) {
    const at = this.#take(length);
    if (length === 1) return this.#bytes[at];
    return length === 2 ? this.#bytes.readUInt16BE(at) : this.#bytes.readUInt32BE(at);
  }

  #unsigned64() {
    const at = this.#take(8);
    const number = this.#bytes.readUInt32BE(at) * TWO_TO_32 + this.#bytes.readUInt32BE(at + 4);
    return Number.isSafeInteger(number) ? number : this.#bytes.readBigUInt64BE(at);
  }

  #signed64() {
    const at = this.#take(8);
    const number = this.#bytes.readInt32BE(at) * TWO_TO_32 + this.#bytes.readUInt32BE(at + 4);
    return Number.isSafeInteger(number) ? number : this.#bytes.readBigInt64BE(at);
  }

  #text(length) {
    const bytes = this.#bytes;
    const start = this.#take(length);
    const end = start + length;
    if (length <= SHORT_TEXT) {
      let text = '';
      let at = start;
      while (at < end && bytes[at] < 0x80) text += String.fromCharCode(bytes[at++]);
      if (at === end) return text;
    }
    const text = bytes.toString('utf8', start, end);
    // The runtime puts U+FFFD where the bytes are no UTF-8; it may also have stood there.
    if (text.includes('\ufffd') && Buffer.compare(Buffer.from(text), bytes.subarray(start, end)) !== 0) {
      return Buffer.from(bytes.subarray(start, end));
    }
    return text;
  }

  #binary(length) {
    const at = this.#take(length);
    return Buffer.from(this.#bytes.subarray(at, at + length));
  }

  #extension(length) {
    const type = this.#bytes.readInt8(this.#take(1));
    return new Extension(type, this.#binary(length));
  }

  #enter(values, depth) {
    // An element is a byte at least: the claim of 2^32 - 1 ends here, before a single one is looked at.
    if (values > this.left) throw new Malformed(`it claims ${values} values where ${this.left} bytes are left`);
    if (depth >= MAX_DEPTH) throw new Malformed(`it is nested deeper than ${MAX_DEPTH}`);
  }

  #array(length, depth) {
    this.#enter(length, depth);
    const values = [];
    for (let index = 0; index < length; index++) values.push(this.value(depth + 1));
    return values;
  }

  #map(length, depth) {
    this.#enter(length * 2, depth);
    const values = {};
    for (let index = 0; index < length; index++) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string') return this.#unusualMap(values, key, length - index, depth);
      if (Object.hasOwn(values, key)) throw new Malformed(`the key ${JSON.stringify(key).slice(0, 64)} stands there twice`);
      const value = this.value(depth + 1);
      if (key === '__proto__') {
        // An assignment would set the prototype.
        Object.defineProperty(values, key, { value, configurable: true, enumerable: true, writable: true });
      } else {
        values[key] = value;
      }
    }
    return values;
  }

  /** From the first key on that is no text. */
  #unusualMap(before, firstKey, left, depth) {
    const values = new Map(Object.entries(before));
    for (let key = firstKey; ; key = this.value(depth + 1)) {
      if (values.has(key)) throw new Malformed(`the key ${String(key).slice(0, 64)} stands there twice`);
      values.set(key, this.value(depth + 1));
      if (--left === 0) return values;
    }
  }
}
