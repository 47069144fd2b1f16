/** MessagePack out, appended to one buffer that is used again and again. */

import { MAX_DEPTH } from './decoder.js';
import { Extension } from './extension.js';

const SMALLEST = 4 * 1024;
const TWO_TO_32 = 0x1_0000_0000;
const MOST_NEGATIVE = -(2n ** 63n);
const MOST_POSITIVE = 2n ** 64n - 1n;

/** A value that MessagePack has no form for. The caller says of which message. */
export class Unsayable extends Error {}

/** More bytes than `limit` allows. */
export class Overflow extends Error {}

/** What is appended stands in `bytes` up to `length`. Setting `length` back takes it back. */
export class Encoder {
  bytes = Buffer.allocUnsafeSlow(SMALLEST);
  length = 0;
  /** `length` never goes beyond: nothing is allocated for what could not be sent. */
  limit = Infinity;

  /** Gives the bytes away and starts with new ones. */
  release() {
    const bytes = this.bytes.subarray(0, this.length);
    this.bytes = Buffer.allocUnsafeSlow(SMALLEST);
    this.length = 0;
    return bytes;
  }

  /** Makes room for so many bytes more, steps over them and gives where they begin. */
  reserve(count) {
    const at = this.length;
    const end = at + count;
    if (end > this.limit) throw new Overflow();
    if (end > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    this.length = end;
    return at;
  }

  /** Any value of the program. `depth`: the containers around it. */
  value(value, depth) {
    switch (typeof value) {
      case 'string': return this.text(value);
      case 'number': return this.number(value);
      case 'boolean': return this.byte(value ? 0xc3 : 0xc2);
      case 'bigint': return this.big(value);
      case 'undefined': return this.byte(0xc0);
      case 'object': return value === null ? this.byte(0xc0) : this.#object(value, depth);
      default: throw new Unsayable(`a ${typeof value}`);
    }
  }

  byte(value) {
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  number(value) {
    if (!Number.isSafeInteger(value)) return this.double(value);
    if (value < 0) return this.#negative(value);
    if (value < 0x80) return this.byte(value);
    if (value < 0x100) return this.#headed(0xcc, value, 1);
    if (value < 0x1_0000) return this.#headed(0xcd, value, 2);
    if (value < TWO_TO_32) return this.#headed(0xce, value, 4);
    this.#long(0xcf, value);
  }

  double(value) {
    const at = this.reserve(9);
    this.bytes[at] = 0xcb;
    this.bytes.writeDoubleBE(value, at + 1);
  }

  big(value) {
    if (Number.isSafeInteger(Number(value))) return this.number(Number(value));
    if (value < MOST_NEGATIVE || value > MOST_POSITIVE) throw new Unsayable(`the integer ${value}, which needs more than 64 bits`);
    const at = this.reserve(9);
    this.bytes[at] = value < 0n ? 0xd3 : 0xcf;
    this.bytes.writeBigUInt64BE(BigInt.asUintN(64, value), at + 1);
  }

  /** Text. What is no character (half of a surrogate pair) becomes U+FFFD. */
  text(value) {
    const length = Buffer.byteLength(value);
    this.#head(length, 0xa0, 0x20, 0xd9);
    const at = this.reserve(length);
    if (length <= 16 && length === value.length) {
      for (let index = 0; index < length; index++) this.bytes[at + index] = value.charCodeAt(index);
    } else {
      this.bytes.write(value, at, length, 'utf8');
    }
  }

  /** Bytes that are MessagePack already, or belong to something whose head is written. */
  raw(bytes) {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  binary(bytes) {
    this.#head(bytes.length, 0, 0, 0xc4);
    this.raw(bytes);
  }

  mapHead(length) {
    this.#head(length, 0x80, 0x10, 0xdd);
  }

  arrayHead(length) {
    this.#head(length, 0x90, 0x10, 0xdb);
  }

  /** A length: in the byte itself below `fixed`, else behind the head byte of 8 (text, binary), 16 or 32 bits. */
  #head(length, fixedHead, fixed, head) {
    if (length < fixed) return this.byte(fixedHead | length);
    const container = head >= 0xdb;
    if (length < 0x100 && !container) return this.#headed(head, length, 1);
    if (length < 0x1_0000) return this.#headed(head + 1, length, 2);
    if (length >= TWO_TO_32) throw new Unsayable(`something of ${length} bytes or values`);
    this.#headed(head + 2, length, 4);
  }

  #headed(head, value, size) {
    const at = this.reserve(1 + size);
    const bytes = this.bytes;
    bytes[at] = head;
    if (size === 1) bytes[at + 1] = value;
    else if (size === 2) bytes.writeUInt16BE(value, at + 1);
    else bytes.writeUInt32BE(value, at + 1);
  }

  #long(head, value) {
    const at = this.reserve(9);
    this.bytes[at] = head;
    this.bytes.writeInt32BE(Math.floor(value / TWO_TO_32), at + 1);
    // The low half of a negative number in two's complement, too.
    this.bytes.writeUInt32BE(((value % TWO_TO_32) + TWO_TO_32) % TWO_TO_32, at + 5);
  }

  #negative(value) {
    if (value >= -0x20) return this.byte(value + 0x100);
    if (value >= -0x80) return this.#headed(0xd0, value + 0x100, 1);
    if (value >= -0x8000) return this.#headed(0xd1, value + 0x1_0000, 2);
    if (value >= -0x8000_0000) return this.#headed(0xd2, value + TWO_TO_32, 4);
    this.#long(0xd3, value);
  }

  #object(value, depth) {
    if (ArrayBuffer.isView(value)) return this.binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (value instanceof ArrayBuffer) return this.binary(new Uint8Array(value));
    if (value instanceof Extension) return this.#extension(value);
    if (typeof value.toJSON === 'function') {
      // As JSON does it, once: a Date, a URL and many more say themselves what they are.
      value = value.toJSON('');
      if (typeof value !== 'object' || value === null) return this.value(value, depth);
    }
    if (depth >= MAX_DEPTH) throw new Unsayable(`something nested deeper than ${MAX_DEPTH}, or in itself`);
    if (Array.isArray(value) || value instanceof Set) return this.#array([...value], depth);
    this.#map(value instanceof Map ? [...value] : Object.entries(value), depth);
  }

  #array(values, depth) {
    this.arrayHead(values.length);
    for (const value of values) this.value(value, depth + 1);
  }

  #map(entries, depth) {
    const said = entries.filter(([, value]) => value !== undefined);
    this.mapHead(said.length);
    for (const [key, value] of said) {
      this.value(key, depth + 1);
      this.value(value, depth + 1);
    }
  }

  #extension({ type, data }) {
    if (!Number.isInteger(type) || type < -128 || type > 127) throw new Unsayable(`an extension of the type ${type}`);
    const fixed = [1, 2, 4, 8, 16].indexOf(data.length);
    if (fixed >= 0) this.byte(0xd4 + fixed);
    else this.#head(data.length, 0, 0, 0xc7);
    this.byte(type & 0xff);
    this.raw(data);
  }
}
