/** The line: a Unix stream socket that says messages whole and hears what has come. */

import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

import { LineLost, NotSendable, ProtocolError } from './errors.js';
import { Encoder } from './wire/encoder.js';
import * as frame from './wire/frame.js';
import { HalfFrame } from './wire/half.js';
import * as messages from './wire/messages.js';

/** May come after `exiting`, from other parts of the program; anything else would end the line as a violation. */
const FAREWELLS = new Set(['log', 'status', 'heartbeat', 'metric', 'event']);
/** What is said within a turn of the event loop goes out together, unless the last write is so long ago (milliseconds). */
const EAGER_AFTER = 5;
/** So many bytes go out at once, even in the middle of a turn. */
const FULL = 64 * 1024;
/** Beyond so many unsent bytes progress is left out: a later one says more. */
const CONGESTED = 1024 * 1024;
/** A supervisor that leaves so many bytes unread is none. */
const HOPELESS = 64 * 1024 * 1024;

/** One end of the socketpair. */
export class Line {
  maxFrame = frame.MAX_FRAME_BEFORE_WELCOME;
  #socket;
  #fd;
  #splitter = new frame.Splitter();
  #half;
  #outbox = new Encoder();
  #scheduled = null;
  #flushedAt = -Infinity;
  #ended = null;
  #lost = null;
  #lastWord = false;
  #closed;

  /**
   * @param {import('node:net').Socket} socket not yet read from
   * @param {number} fd its descriptor
   * @param {HalfFrame} [half]
   */
  constructor(socket, fd, half = new HalfFrame()) {
    this.#socket = socket;
    this.#fd = fd;
    this.#half = half;
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
  }

  /**
   * Starts to hear.
   *
   * @param {{ message(message: object): void, turn(): void, end(error: Error): void }} ear `message` for each, `turn`
   *   when all that was read at once has been told, and `end` once: `LineLost` or what was wrong with a frame
   */
  listen(ear) {
    const socket = this.#socket;
    let told = false;
    const end = (error) => {
      if (told) return;
      told = true;
      this.shut(error.message);
      ear.end(error);
    };
    socket.on('data', (data) => {
      if (told) return;
      let wasWhole = false;
      const hear = (bytes, start, stop) => {
        wasWhole = true;
        this.#hear(bytes, start, stop, ear);
      };
      try {
        this.#splitter.feed(data, () => this.maxFrame, hear);
        this.#half.note(this.#splitter.kept > 0, wasWhole, () => end(leftHalf(this.#splitter.kept)));
        ear.turn();
      } catch (error) {
        end(error);
      }
    });
    socket.on('error', (error) => end(this.#lost ?? gone(error.code ?? error.message)));
    socket.on('close', () => {
      end(this.#lost ?? gone(`it closed the line${this.#splitter.kept > 0 ? ' in the middle of a frame' : ''}`));
    });
  }

  #hear(bytes, start, stop, ear) {
    const { kind, fields } = frame.decode(bytes, start, stop);
    const message = messages.read(kind, fields);
    if (message === undefined) return;
    if (message.name === 'welcome') {
      // Counts for the very next frame, which may have been read already.
      this.maxFrame = Math.min(message.fields.max_frame, frame.MAX_FRAME_CEILING);
    }
    ear.message(message);
  }

  /**
   * Says one message, whole. It goes out with the rest of this turn of the event loop, or at `flush()`.
   *
   * Throws `LineLost`, `NotSendable` or `FrameTooLarge`; the latter also beyond `limit` bytes.
   */
  say(name, fields, limit = Infinity) {
    if (this.#ended !== null) throw new LineLost(this.#ended);
    if (this.#lastWord && !FAREWELLS.has(name)) {
      throw new NotSendable(`${name} cannot be said after exiting, which was the last word`);
    }
    if (name === 'progress' && this.backlog > CONGESTED) return;
    frame.append(this.#outbox, name, fields, Math.min(this.maxFrame, limit));
    this.#lastWord ||= name === 'exiting';
    if (this.#scheduled !== null && this.#outbox.length < FULL) return;
    // A program that computes for long between two messages does not come back to the event loop in between.
    if (performance.now() - this.#flushedAt > EAGER_AFTER || this.#outbox.length >= FULL) this.flush();
    else this.#scheduled = setImmediate(() => this.flush());
  }

  /** How many bytes the kernel has not taken because the supervisor does not read. */
  get backlog() {
    return this.#socket.writableLength;
  }

  /** Hands what was said to the kernel. */
  flush() {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.#flushedAt = performance.now();
    const outbox = this.#outbox;
    if (outbox.length === 0 || this.#ended !== null) return;
    const written = this.backlog === 0 ? this.#writeAtOnce() : 0;
    if (written === outbox.length) {
      outbox.length = 0;
    } else if (this.#ended === null) {
      this.#socket.write(outbox.release().subarray(written));
      if (this.backlog > HOPELESS) {
        this.#lose(`it has left ${this.backlog} bytes unread`);
        this.#socket.destroy();
      }
    }
  }

  /**
   * Not by the socket: it would close itself at an error of the write, and with it what the supervisor has said before
   * it left, a `reject` perhaps. Gives how many bytes the kernel took.
   */
  #writeAtOnce() {
    if (this.#socket.destroyed) {
      // Its number may be somebody else's by now.
      this.#lose('it closed the line');
      return 0;
    }
    try {
      return writeSync(this.#fd, this.#outbox.bytes, 0, this.#outbox.length);
    } catch (error) {
      if (error.code !== 'EAGAIN' && error.code !== 'EINTR') this.#lose(error.code ?? error.message);
      return 0;
    }
  }

  /** Nothing can be said any more; the reading side tells the end when it has come to it. */
  #lose(why) {
    this.#lost = gone(why);
    this.#ended ??= this.#lost.message;
  }

  /** Flushes, and waits until the kernel has taken everything or the line is over. */
  async drained() {
    this.flush();
    while (this.backlog > 0 && !this.#socket.destroyed) {
      await new Promise((resolve) => this.#socket.write('', resolve));
    }
  }

  /** Says and hears nothing more. */
  shut(why) {
    this.#ended ??= why;
    this.#half.stop();
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.#socket.destroy();
  }

  /** Sends what is left and closes: `patience` milliseconds at most for a supervisor that does not read. */
  async close(patience) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, patience)));
    await Promise.race([this.drained(), late]);
    clearTimeout(timer);
    this.shut('this worker was closed');
    await this.#closed;
  }
}

/** As it would end the line of a child. */
function leftHalf(kept) {
  return new ProtocolError(
    `the supervisor left a frame half after ${kept} bytes; that is a mistake in hearken, please report it`,
  );
}

function gone(why) {
  return new LineLost(`the supervisor is gone (${why}); finish what is in hand and exit`);
}
