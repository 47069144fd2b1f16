"""The line: a Unix stream socket that says one message at a time and hears what has come."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from typing import Any, Callable, Mapping, Optional

from . import frame, messages
from .errors import BrokenDescriptor, ForkedWorker, LineLost, NotSendable, ProtocolError
from .half import HalfFrame

VARIABLE = "HEARKEN_FD"
_READ_SIZE = 64 * 1024
#: May come after `exiting`, from other threads; anything else would end the line as a violation.
_FAREWELLS = ("log", "status", "heartbeat", "metric", "event")


def from_environment() -> Optional[Line]:
    """The line that `HEARKEN_FD` names, or None if it is not set.

    The variable is removed: a grandchild that inherits it would take another's descriptor for its line.
    """
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise _broken(text, "that is not the number of a descriptor")
    fd = int(text)
    try:
        mode = os.fstat(fd).st_mode
    except (OSError, OverflowError) as cause:
        why = cause.strerror if isinstance(cause, OSError) else "too large"
        raise _broken(text, f"that descriptor is not open ({why})") from None
    if not stat.S_ISSOCK(mode):
        raise _broken(text, "that descriptor is not a socket")
    sock = socket.socket(fileno=fd)
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        sock.detach()
        raise _broken(text, "that descriptor is not a Unix stream socket")
    return Line(sock)


def _broken(text: str, why: str) -> BrokenDescriptor:
    return BrokenDescriptor(
        f"{VARIABLE}={text!r}, but {why}. Programs between hearken and this one must pass the descriptor on "
        f"or unset {VARIABLE}; unset it to run without a supervisor"
    )


class Line:
    """One end of the socketpair. Any thread may `send`; one at a time may `receive`."""

    def __init__(self, sock: socket.socket, half: Optional[HalfFrame] = None) -> None:
        sock.set_inheritable(False)  # a grandchild must not hold the line open
        sock.setblocking(True)
        self._sock = sock
        self._fd = sock.fileno()
        self._writing = threading.Lock()
        self._splitter = frame.FrameSplitter()
        self._half = HalfFrame() if half is None else half
        self._pid = os.getpid()
        self._ended: Optional[str] = None
        self._last_word = False
        self._held = b""
        self.max_frame = frame.MAX_FRAME_BEFORE_WELCOME

    def fileno(self) -> int:
        """For poll."""
        return self._fd

    def framed(self, name: str, fields: Mapping[str, Any], most: int = frame.MAX_FRAME_CEILING) -> bytes:
        """A message as it would be sent: `NotSendable`, or `FrameTooLarge` over the limit of the line or `most`."""
        kind, said = messages.compose(name, fields)
        return frame.encode(kind, said, min(self.max_frame, most))

    def send(self, name: str, fields: Mapping[str, Any]) -> None:
        """Say one message, whole, and what was held before it. Waits while the supervisor does not read."""
        data = self.framed(name, fields)
        self._check_process()
        with self._writing:
            self._admit(name)
            self._write(data)

    def hold(self, name: str, fields: Mapping[str, Any], most: int = frame.MAX_FRAME_CEILING) -> None:
        """Say one message with the next write, one system call for both. Whoever holds has to `flush`."""
        data = self.framed(name, fields, most)
        self._check_process()
        with self._writing:
            self._admit(name)
            self._held += data

    def flush(self) -> None:
        """Send what is held."""
        if not self._held:
            return
        self._check_process()
        with self._writing:
            if self._ended is not None:
                raise LineLost(self._ended)
            self._write(b"")

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            raise ForkedWorker(
                f"this process ({os.getpid()}) is a fork of the worker {self._pid}, which alone may use the line; "
                "hand the message to that process, or start hearken's own instances instead of forking"
            )

    def _admit(self, name: str) -> None:
        if self._ended is not None:
            raise LineLost(self._ended)
        if self._last_word and name not in _FAREWELLS:
            raise NotSendable(f"{name} cannot be said after exiting, which was the last word")
        self._last_word = self._last_word or name == "exiting"

    def _write(self, data: bytes) -> None:
        held, self._held = self._held, b""
        try:
            self._sock.sendall(held + data)  # loops over partial writes and EINTR
        except OSError as cause:
            self._ended = f"the supervisor is gone ({cause.strerror}); finish what is in hand and exit"
            raise LineLost(self._ended) from None
        except BaseException:
            # A signal handler raised, perhaps with half a frame written: another one would be read as its rest.
            self._ended = "a frame was interrupted by a signal; nothing more can be said on this line"
            raise

    def receive(self, hear: Callable[[messages.Message], None]) -> None:
        """Read once and hand over the messages that are complete. Call when the socket is readable.

        Raises `LineLost` at the end of the line and `ProtocolError` for what cannot be understood.
        """
        try:
            data = self._sock.recv(_READ_SIZE)
        except OSError as cause:
            data, why = b"", cause.strerror
        else:
            why = "it closed the line" + (" in the middle of a frame" if self._splitter.kept else "")
        if not data:
            self._ended = self._ended or f"the supervisor is gone ({why}); finish what is in hand and exit"
            raise LineLost(self._ended)
        self._splitter.feed(data)
        was_whole = False
        while True:
            body = self._splitter.next(self.max_frame)
            if body is None:
                self._half.note(self._splitter.kept > 0, was_whole, time.monotonic())
                return
            was_whole = True
            message = messages.read(*frame.decode(body))
            if message is None:
                continue
            if message.name == "welcome":
                # Counts for the very next frame, which may have been read already.
                self.max_frame = min(message.fields["max_frame"], frame.MAX_FRAME_CEILING)
            hear(message)

    @property
    def whole_by(self) -> Optional[float]:
        """When a frame that has begun must be whole, by the monotonic clock; None if there is none."""
        return self._half.deadline()

    def check_the_rest(self) -> None:
        """Raise `ProtocolError` for a frame that was begun and left half: it ends the line, as it would a child's."""
        if self._half.is_over(time.monotonic()):
            raise ProtocolError(
                f"the supervisor left a frame half after {self._splitter.kept} bytes; "
                "that is a mistake in hearken, please report it"
            )

    def shut(self, why: str) -> None:
        """Say and hear nothing more. Wakes a thread that waits for the socket; `close` comes after it."""
        self._ended = self._ended or why
        if self._pid == os.getpid():
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def close(self) -> None:
        """Give the descriptor back."""
        self._sock.close()
