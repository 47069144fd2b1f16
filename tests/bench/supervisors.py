"""How each supervisor is told to keep N beacons running. Each: files into `place`, argv back."""

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


@dataclass(frozen=True)
class Job:
    """What is to be supervised, and where."""

    place: Path
    services: int
    beacon: Path
    socket: Path

    def names(self):
        return (f"b{slot}" for slot in range(self.services))

    def scripts(self, directory):
        """One directory with an executable `run` for each service, as daemontools has it."""
        for name in self.names():
            run = directory / name / "run"
            run.parent.mkdir(parents=True)
            run.write_text(f"#!/bin/sh\nexec {self.beacon} {name} {self.socket}\n")
            run.chmod(0o755)


@dataclass(frozen=True)
class Supervisor:
    name: str
    prepare: Callable[[Job], list]
    environment: dict
    stop: int = signal.SIGTERM
    # How long a child must have run before its restart is not held back, in seconds.
    rest: float = 0.3
    # How many single children are killed.
    singles: int = 25

    def is_there(self):
        return True


def floor(program):
    def prepare(job):
        return [program, str(job.services), job.beacon, job.socket]

    return Supervisor("floor", prepare, {})


# Delay 0, like the floor, and like it without a memory of past failures: whoever has run for a
# millisecond (`settle`) starts afresh, so the brake on restart loops never acts, and `starts` holds
# nobody back either. Everything else is as it comes: a line and two pipes for each child, and
# every start and end logged.
HEARKEN = """\
[supervisor]
state_directory = "state"
starts = { burst = 1_000_000, per_second = 1_000_000 }

"""
HEARKEN_SERVICE = """\
[service.{name}]
command = ["{beacon}", "{name}", "{socket}"]
restart = {{ policy = "always", delay = "0s", settle = "1ms", limit = "unlimited" }}
"""


def hearken(program, name="hearken"):
    def prepare(job):
        config = job.place / "hearken.toml"
        services = (
            HEARKEN_SERVICE.format(name=name, beacon=job.beacon, socket=job.socket)
            for name in job.names()
        )
        config.write_text(HEARKEN + "\n".join(services))
        return [program, "up", "--config", config]

    return Supervisor(name, prepare, {})


def _s6(job):
    job.scripts(job.place / "scan")
    return ["s6-svscan", "-c", str(job.services + 10), job.place / "scan"]


def _runit(job):
    job.scripts(job.place / "service")
    return ["runsvdir", "-P", job.place / "service"]


def _supervisord(job):
    config = ["[supervisord]", "nodaemon=true", f"logfile={job.place}/log", f"pidfile={job.place}/pid", "minfds=16384"]
    for name in job.names():
        config += [f"[program:{name}]", f"command={job.beacon} {name} {job.socket}", "startsecs=0", "autorestart=true"]
        config += ["stdout_logfile=NONE", "stderr_logfile=NONE"]
    (job.place / "supervisord.conf").write_text("\n".join(config) + "\n")
    return ["supervisord", "-n", "-c", job.place / "supervisord.conf"]


@dataclass(frozen=True)
class Peer(Supervisor):
    program: str = ""

    def is_there(self):
        return shutil.which(self.program) is not None


# These hold a child back that dies within a second of its start: each gets more than that.
PEERS = (
    Peer("s6", _s6, {}, rest=1.5, singles=5, program="s6-svscan"),
    Peer("runit", _runit, {}, stop=signal.SIGHUP, rest=1.5, singles=5, program="runsvdir"),
    Peer("supervisord", _supervisord, {}, rest=1.5, singles=5, program="supervisord"),
)
