"""One supervisor, once: boot, memory, idle, all killed, one killed, stop."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import processes
from supervisors import Job

# How long any step may take: supervisord needs half a minute for a thousand.
PATIENCE = 180
# How long a supervisor is left alone before it counts as idle.
CALM = 1.5
# How long its wake-ups are counted.
IDLE = 10


class Failed(Exception):
    """A supervisor did not do what it was measured at."""


@dataclass
class Figures:
    """What one round gave. Seconds and bytes; None where it was not measured."""

    boot: float
    boot_cpu: float
    boot_cpu_all: float
    all_back: float
    all_back_cpu: float
    all_back_cpu_all: float
    one_back: float
    memory: int | None
    memory_after: int | None
    wakeups: int | None
    processes: int


class Collector:
    """Hears the beacons."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(str(path))

    def hear(self, count, patience=PATIENCE):
        """The next `count` stamps, by name: (pid, seconds)."""
        # Whoever listens takes time from who is measured: read now, understand later.
        raw, deadline = [], time.monotonic() + patience
        self.socket.settimeout(patience)
        while len(raw) < count:
            try:
                raw.append(self.socket.recv(128))
            except TimeoutError:
                break
            if time.monotonic() > deadline:
                break
        stamps = {}
        for line in raw:
            name, pid, nanoseconds = line.split()
            stamps[name.decode()] = (int(pid), int(nanoseconds) / 1e9)
        if len(stamps) != count:
            raise Failed(f"{len(stamps)} of {count} beacons were heard")
        return stamps

    def close(self):
        self.socket.close()


class Round:
    """A supervisor under way, and everything it started. A context: it leaves nothing behind."""

    def __init__(self, supervisor, services, beacon):
        self.supervisor = supervisor
        self.services = services
        self.place = Path(tempfile.mkdtemp(prefix="bench-")).resolve()
        self.collector = Collector(self.place / "stamps")
        self.job = Job(self.place, services, beacon, self.place / "stamps")
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Nothing may interrupt the cleaning.
        old = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.stop()
        finally:
            for one, handler in old.items():
                signal.signal(one, handler)

    def stop(self):
        if self.process:
            self.process.send_signal(self.supervisor.stop)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # Whoever is left works in our directory, as everything does that we start. Several looks:
        # the left-over of one may just be starting another.
        for _ in range(50):
            left = processes.working_in(self.place)
            if not left:
                break
            for pid in left:
                kill(pid)
            time.sleep(0.05)
        self.collector.close()
        shutil.rmtree(self.place, ignore_errors=True)

    def boot(self):
        """Starts the supervisor; returns when every service has begun."""
        argv = self.supervisor.prepare(self.job)
        with open(self.place / "log", "wb") as log:
            begun = time.monotonic()
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.place,
                env={**os.environ, **self.supervisor.environment}, start_new_session=True,
            )
        try:
            stamps = self.collector.hear(self.services)
        except Failed as failed:
            raise Failed(f"{failed}; its log ends: {self.log_end()}") from None
        return begun, stamps

    def log_end(self):
        return (self.place / "log").read_text(errors="replace")[-600:]

    def own(self, stamps):
        beacons = set(pids(stamps))
        return [pid for pid in processes.descendants(self.process.pid) if pid not in beacons]

    def measure(self, idle=True):
        begun, stamps = self.boot()
        boot = last(stamps) - begun
        time.sleep(CALM)
        own = self.own(stamps)
        boot_cpu = processes.cpu(own)
        boot_cpu_all = boot_cpu + processes.cpu(pids(stamps))
        memory = processes.pss(own)
        wakeups = None
        if idle:
            before = processes.switches(own)
            time.sleep(IDLE)
            wakeups = processes.switches(own) - before

        time.sleep(self.supervisor.rest)
        cpu = processes.cpu(own)
        begun = time.monotonic()
        for pid, _ in stamps.values():
            kill(pid)
        stamps = self.collector.hear(self.services)
        all_back = last(stamps) - begun
        time.sleep(CALM)
        # Of those that are the same as before: s6 and runit keep theirs, and so do the others.
        all_back_cpu = processes.cpu(own) - cpu
        all_back_cpu_all = all_back_cpu + processes.cpu(pids(stamps))
        memory_after = processes.pss(self.own(stamps))

        singles = []
        for name in list(stamps)[: self.supervisor.singles]:
            time.sleep(max(self.supervisor.rest, 0.05))
            pid, _ = stamps[name]
            begun = time.monotonic()
            kill(pid)
            singles.append(last(self.collector.hear(1)) - begun)
        return Figures(
            boot=boot,
            boot_cpu=boot_cpu,
            boot_cpu_all=boot_cpu_all,
            all_back=all_back,
            all_back_cpu=all_back_cpu,
            all_back_cpu_all=all_back_cpu_all,
            one_back=median(singles),
            memory=memory,
            memory_after=memory_after,
            wakeups=wakeups,
            processes=len(own),
        )


def pids(stamps):
    return [pid for pid, _ in stamps.values()]


def last(stamps):
    return max(seconds for _, seconds in stamps.values())


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
