/** What a handler may give beside a plain value. */

/** A result with more to it than the value: what its bytes are, and a few figures. */
export class Result {
  /**
   * @param {unknown} data bytes (Uint8Array, Buffer, ArrayBuffer) or any value
   * @param {{ contentType?: string, summary?: object }} [options] a media type for `data`; figures for people and for
   *   collecting, beside it
   */
  constructor(data, { contentType, summary } = {}) {
    this.data = data;
    this.contentType = contentType;
    this.summary = summary;
  }
}

/** Thrown (or returned) by a handler: not now. The task comes back later, and no attempt is used up. No failure. */
export class Snooze extends Error {
  /** How a process ends that ran this one task without a supervisor (sysexits: try again later). */
  static exitCode = 75;

  /** @param {number} afterMs milliseconds @param {string} [reason] for people */
  constructor(afterMs, reason = 'not now') {
    super(reason);
    this.name = 'Snooze';
    this.afterMs = afterMs;
  }
}

/** `data` as bytes, if it is bytes: a view of the same memory. Else undefined. */
export function bytesOf(data) {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
}
