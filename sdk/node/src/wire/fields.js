/**
 * Checks of single fields: strict, but lenient where languages differ in how they write the same value. Each gives the
 * value as it is meant, or throws a `Mismatch` with what it is not.
 */

/** A value that is not what the field holds. */
export class Mismatch extends Error {}

const U64 = 2n ** 64n - 1n;
const I64 = 2n ** 63n;

/** An integer from 0 to `most`. A double without a fraction is one: JavaScript and others write them so. */
function upTo(most) {
  return (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
    throw new Mismatch(`is not an integer from 0 to ${most}`);
  };
}

export const level = upTo(5);
export const u16 = upTo(0xffff);
export const u32 = upTo(0xffff_ffff);

/** A BigInt where a number would not be exact, a number everywhere else. */
function wide(least, most, what) {
  const leastSafe = Math.max(Number(least), Number.MIN_SAFE_INTEGER);
  return (value) => {
    if (Number.isSafeInteger(value) && value >= leastSafe) return value;
    if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) {
      const exact = BigInt(value);
      if (exact >= least && exact <= most) return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
    }
    throw new Mismatch(`is not ${what}`);
  };
}

export const u64 = wide(0n, U64, `an integer from 0 to ${U64}`);
export const i64 = wide(-I64, I64 - 1n, 'an integer of 64 bits');

/** A finite number. */
export function number(value) {
  const read = typeof value === 'bigint' ? Number(value) : value;
  if (typeof read !== 'number' || !Number.isFinite(read)) throw new Mismatch('is not a finite number');
  return read;
}

/** True or false, nothing that merely counts as one. */
export function boolean(value) {
  if (typeof value !== 'boolean') throw new Mismatch('is neither true nor false');
  return value;
}

export function text(value) {
  if (typeof value !== 'string') throw new Mismatch('is not text');
  return value;
}

/** Bytes; text counts as its UTF-8. */
export function data(value) {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw new Mismatch('is neither bytes nor text');
  return Buffer.from(value);
}

/** Bytes, so many at most. */
export function dataUpTo(most) {
  return (value) => {
    const bytes = data(value);
    if (bytes.length > most) throw new Mismatch(`is ${bytes.length} bytes; ${most} are allowed`);
    return bytes;
  };
}

/** A map with text for keys. */
export function mapping(value) {
  if (Array.isArray(value) && value.length === 0) return {}; // how PHP writes an empty map
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!plain || ![Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    throw new Mismatch('is not a map with text for keys');
  }
  return value;
}

/** Whatever it is, untouched. */
export function anything(value) {
  return value;
}

/** One of a closed set of words. */
export function oneOf(...words) {
  return (value) => {
    if (!words.includes(value)) throw new Mismatch(`is not one of ${words.join(', ')}`);
    return value;
  };
}

/** The number of a message that is acknowledged: result, error, checkpoint or snooze. */
export function acked(value) {
  if (![7, 8, 10, 11].includes(value)) throw new Mismatch('is not one of 7, 8, 10, 11');
  return value;
}

/** The lowest and the highest version. */
export function protocol(value) {
  const [lowest, highest] = versions(value);
  if (lowest > highest) throw new Mismatch('is a range upside down');
  return [lowest, highest];
}

/** What lies underneath an error: a message, and a code where there is one. */
export function cause(value) {
  const fields = mapping(value);
  text(fields.message);
  if (fields.code !== undefined && fields.code !== null) text(fields.code);
  return fields;
}

/** A list of so many items. */
export function listOf(item, least = 0, most = 0xffff_ffff) {
  return (value) => {
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      throw new Mismatch(`is not a list of ${least} to ${most}`);
    }
    return value.map((each) => item(each));
  };
}

const versions = listOf(u16, 2, 2);
