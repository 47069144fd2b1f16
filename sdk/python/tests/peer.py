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

HELLO, READY, ACCEPTED, PROGRESS, LOG, CHUNK, RESULT, ERROR = 1, 2, 3, 4, 5, 6, 7, 8
HEARTBEAT, CHECKPOINT, SNOOZE, DRAINING, EXITING, STATUS, METRIC, EVENT = 9, 10, 11, 12, 13, 14, 64, 65
WELCOME, REJECT, TASK, CANCEL, DRAIN, PING, ACK = 32, 33, 34, 35, 36, 38, 39

#: The id of every task, unless a test gives it another one.
TASK_ID = "019aa7c2-5d3c-7000-8000-000000000001"

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

    def task(self, handle: int, payload: Any = None, **fields: Any) -> None:
        first = {"id": TASK_ID, "attempt": 1, "crashes": 0}
        self.say(TASK, **{"handle": handle, **first, "payload": payload, **fields})

    def ack(self, handle: int, of: int = RESULT) -> None:
        self.say(ACK, handle=handle, of=of)

    def drain(self, grace_ms: int = int(PATIENCE * 1000)) -> None:
        self.say(DRAIN, grace_ms=grace_ms, reason="deploy")

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


def pool_worker(handler: str, options: str = "") -> str:
    """A program that serves tasks; `handler` is the body of the function `work(task)`, or all that defines it."""
    if "def work(" not in handler and "work = " not in handler:
        handler = "def work(task):\n    " + "\n    ".join(handler.splitlines())
    return f"from hearken_worker import *\nimport os, sys, time\n{handler}\nrun_tasks(work{options})"


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
