/** Finds the line: the descriptor that `HEARKEN_FD` names. */

import { fstatSync } from 'node:fs';
import net from 'node:net';

import { BrokenDescriptor } from './errors.js';
import { Line } from './line.js';

const VARIABLE = 'HEARKEN_FD';
const STANDARD_ERROR = 2;

/**
 * The line, or null if the variable is not set, which is no fault: an ordinary program.
 *
 * The variable is removed: a program that this one starts would take another's descriptor for its line.
 */
export function open() {
  const text = process.env[VARIABLE];
  if (text === undefined) return null;
  delete process.env[VARIABLE];
  if (!/^\d{1,9}$/.test(text)) throw broken(text, 'that is not the number of a descriptor');
  const fd = Number(text);
  if (fd <= STANDARD_ERROR) throw broken(text, 'the descriptors up to 2 are standard input, output and error');
  let found;
  try {
    found = fstatSync(fd);
  } catch (error) {
    throw broken(text, `that descriptor is not open (${error.code})`);
  }
  if (!found.isSocket()) throw broken(text, 'that descriptor is not a socket');
  return new Line(socketOf(fd, text), fd);
}

function socketOf(fd, text) {
  let socket;
  try {
    // Close-on-exec is set already: Node does so with all it inherits, up to the first gap above 15.
    socket = new net.Socket({ fd });
  } catch (error) {
    throw broken(text, `that descriptor cannot be read (${error.message})`);
  }
  // Only a TCP socket has one.
  if (socket.address().port !== undefined) {
    throw broken(text, 'that descriptor is a TCP socket, not a Unix stream socket');
  }
  return socket;
}

function broken(text, why) {
  return new BrokenDescriptor(
    `${VARIABLE}='${text}', but ${why}. Programs between hearken and this one must pass the descriptor on ` +
      `or unset ${VARIABLE}; unset it to run without a supervisor`,
  );
}
