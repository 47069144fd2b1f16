/**
 * What can go wrong with the line itself. Each text says what, why and the next step.
 *
 * What can go wrong with the *work* is in `failures.js`; those are yours to throw.
 */

/** Something is wrong with the line to the supervisor. */
export class LineError extends Error {
  /** How a process ends that cannot go on because of this (sysexits). */
  static exitCode = 75;

  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** `HEARKEN_FD` is set, but what it names cannot be the line. */
export class BrokenDescriptor extends LineError {
  static exitCode = 78;
}

/** The supervisor closed the line, or is gone. Nothing can be said any more; finish and exit. */
export class LineLost extends LineError {}

/** The supervisor answered `hello` with `reject`. */
export class Rejected extends LineError {
  static exitCode = 78;

  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(
      `the supervisor rejected this worker: ${message} (${code}); ` +
        'install versions of hearken and of this package that speak a common protocol',
    );
    this.code = code;
  }
}

/** The supervisor sent something this package does not understand. The line is over. */
export class ProtocolError extends LineError {
  static exitCode = 76;
}

/** What was to be said does not fit one frame. Nothing was sent; the line is still good. */
export class FrameTooLarge extends LineError {
  static exitCode = 70;
}

/** A value has no MessagePack form, or a field is not what the protocol has there. Nothing was sent; the line is still good. */
export class NotSendable extends LineError {
  static exitCode = 70;
}
