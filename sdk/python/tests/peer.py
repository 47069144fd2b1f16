"""The supervisor's end of a line, spoken by hand with plain msgpack: what the package is tested against."""

from __future__ import annotations

import os
import pathlib
import socket
import struct
import subprocess
import sys
from typing import Any, Dict, List, Optional, Tuple

import msgpack

ROOT = pathlib.Path(__file__).resolve().parents[1]
VECTORS = ROOT.parents[1] / "crates" / "proto" / "vectors"
SOURCES = str(ROOT / "src")
sys.path.insert(0, SOURCES)

#: A bound on what should happen at once; reached only by a failing test.
PATIENCE = 10.0

HELLO, READY, PROGRESS, LOG, ERROR, HEARTBEAT, EXITING, STATUS = 1, 2, 4, 5, 8, 9, 13, 14
WELCOME, REJECT, TASK, DRAIN, PING = 32, 33, 34, 36, 38

WELCOME_FIELDS = {"protocol": 1, "unit": "web", "instance": 2, "incarnation": 3, "max_frame": 1 << 20}


def packed(kind: int, fields: Dict[str, Any]) -> bytes:
    body = msgpack.packb([kind, fields])
    return struct.pack(">I", len(body)) + body


class Peer:
    """The supervisor."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)

    def say(self, kind: int, **fields: Any) -> None:
        self.sock.sendall(packed(kind, fields))

    def welcome(self, **fields: Any) -> None:
        self.say(WELCOME, **{**WELCOME_FIELDS, **fields})

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise EOFError(f"the line ended after {len(data)} of {size} bytes")
            data += more
        return data

    def hear(self) -> Tuple[int, Dict[str, Any]]:
        (length,) = struct.unpack(">I", self.exactly(4))
        kind, fields = msgpack.unpackb(self.exactly(length), strict_map_key=True)
        return kind, fields

    def hear_all(self) -> List[Tuple[int, Dict[str, Any]]]:
        """Everything up to the end of the line."""
        heard = []
        while True:
            try:
                heard.append(self.hear())
            except EOFError:
                return heard

    def close(self) -> None:
        self.sock.close()


def pair() -> Tuple[Peer, socket.socket]:
    ours, theirs = socket.socketpair()
    return Peer(ours), theirs


def environment() -> Dict[str, str]:
    """The environment of a child without a line: this one, with the package on the path."""
    made = {**os.environ, "PYTHONPATH": os.pathsep.join([SOURCES, os.environ.get("PYTHONPATH", "")])}
    made.pop("HEARKEN_FD", None)
    return made


class Child:
    """A real process with the package on its path, with a line or without."""

    def __init__(self, code: str, supervised: bool = True, fd: Optional[str] = None) -> None:
        env = environment()
        self.peer, theirs = pair()
        pass_fds = ()
        if supervised:
            env["HEARKEN_FD"] = str(theirs.fileno())
            pass_fds = (theirs.fileno(),)
        if fd is not None:
            env["HEARKEN_FD"] = fd
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            pass_fds=pass_fds,
            text=True,
        )
        theirs.close()

    def finish(self) -> Tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
        return self.process.returncode, out, err

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: Any) -> None:
        self.peer.close()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
