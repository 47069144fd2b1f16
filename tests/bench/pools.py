"""`run pools`: hearken's pools beside what does the same with less, all in one run."""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import processes
import report
from programs import HERE, build, compile_c, say

# How long one measurement may take.
PATIENCE = 300
# How many children say progress.
SPEAKERS = 100

PYTHON = "/usr/bin/python3"
# What a contender needs: a command that succeeds where it is there.
OF_PYTHON = (PYTHON, "-c", "import msgpack")
OF_PHP = ("php", "-r", "exit(extension_loaded('msgpack') && extension_loaded('pcntl') ? 0 : 1);")

DURABLE = """[supervisor]
state_directory = "{state}"
log = {{ level = "warn", format = "human" }}
[pool.durable]
command = ["{program}", "echo", "256"]
workers = 2
durability = "strict"
"""


@dataclass(frozen=True)
class Rate:
    """What one measurement gave: so many in a second; of a supervisor, also the processor time of each."""

    each_second: float
    own: float | None = None
    commits: int = 0

    @staticmethod
    def of(told):
        own = told.get("processor") or None
        return Rate(told["count"] / told["seconds"], own and own / told["count"], told.get("commits", 0))


@dataclass(frozen=True)
class Contender:
    """Somebody who does it. `measure` is given what was measured in the same round so far, by name."""

    name: str
    measure: object
    # The least that is wanted: so many times the floor, so many in a second, or so many in a second of
    # its own processor time, which is what one core can do.
    times: float | None = None
    least: float | None = None
    least_on_a_core: float | None = None
    needs: tuple[str, ...] = ()

    def is_there(self):
        if not self.needs:
            return True
        if not shutil.which(self.needs[0]):
            return False
        return subprocess.run(self.needs, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


@dataclass
class Figure:
    """One thing that is measured, by contenders in this order, beside one of them."""

    title: str
    floor: str
    contenders: list[Contender]
    rounds: list[dict[str, Rate]] = field(default_factory=list)


def told_by(command, _round=None):
    """A program that says what it measured, in JSON on its last line."""
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=True
    )
    return Rate.of(json.loads(done.stdout.splitlines()[-1]))


def timed(command, count, _round=None):
    """A program that reads lines and does something for each: its start is part of it, a tenth of a second at most."""
    lines = "".join(f"{number}\n" for number in range(count))
    begun = time.monotonic()
    subprocess.run(command, input=lines, text=True, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=True)
    return Rate(count / (time.monotonic() - begun))


def in_a_folder(do):
    """On the disk that TMPDIR is on."""
    def measure(so_far):
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            return do(folder, so_far)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return measure


def durable(program, tasks, folder, _so_far):
    state, config = folder / "state", folder / "pool.toml"
    config.write_text(DURABLE.format(state=state, program=program))
    return told_by([program, "durable", config, state, tasks])


def rows(program, tasks, folder, so_far):
    return told_by([program, "rows", folder, tasks, so_far["hearken"].commits])


def tiny(workers, scale, program, programs):
    pool = programs["pool"]
    tasks = int(100_000 * scale)
    half, few = max(tasks // 2, 100), max(tasks // 10, 100)
    ours = lambda command, count=tasks: partial(told_by, [program, "line", count, workers, *command])
    python, php = [PYTHON, HERE / "worker.py"], ["php", HERE / "worker.php"]
    peer = partial(partial, told_by)
    return [
        Contender("floor", peer([pool, tasks, workers, 1])),
        Contender("floor, 16 ahead", peer([pool, tasks, workers, 16])),
        Contender("hearken", ours([program, "echo", 1]), times=0.6),
        Contender("hearken, 16 ahead", ours([program, "echo", 16]), times=1.0),
        Contender("hearken, Python", ours([*python, 1], half), needs=OF_PYTHON),
        Contender("hearken, Python, 16 ahead", ours([*python, 16], half), needs=OF_PYTHON),
        Contender("multiprocessing.Pool", peer([PYTHON, HERE / "pythons.py", "pool", half, workers])),
        Contender("ProcessPoolExecutor", peer([PYTHON, HERE / "pythons.py", "executor", few, workers])),
        Contender("hearken, PHP", ours([*php, 1], half), needs=OF_PHP),
        Contender("hearken, PHP, 16 ahead", ours([*php, 16], half), needs=OF_PHP),
        Contender("PHP, a fork per task", peer(["php", HERE / "fork.php", max(few // 40, 20), workers]), needs=OF_PHP),
    ]


def figures(scale, program, programs):
    processes_ = int(4_000 * scale)
    kept = int(50_000 * scale)
    frames = int(20_000 * scale)
    flood = programs["flood"]
    # One core for who listens, and the other for who speaks.
    on = lambda core, *command: ["taskset", "-c", core, *command]
    everybody = [program, "progress", frames, SPEAKERS, *on("1", flood, frames)]
    return [
        *(
            Figure(f"tiny tasks, {workers} worker{'s' * (workers > 1)}", "floor", tiny(workers, scale, program, programs))
            for workers in (1, 2)
        ),
        Figure("a process per task: true, two at once", "xargs -P2", [
            Contender("xargs -P2", partial(timed, ["xargs", "-P2", "-n1", "true"], processes_)),
            Contender("hearken", partial(told_by, [program, "exec", processes_, 2, "true", "{}"]), times=0.8),
            Contender("parallel -j2", partial(timed, ["parallel", "-j2", "true"], max(processes_ // 10, 10)), needs=("parallel", "--version")),
        ]),
        Figure("durable tasks, from submission to end", "SQLite alone", [
            Contender("hearken", in_a_folder(partial(durable, program, kept)), least=15_000),
            Contender("SQLite alone", in_a_folder(partial(rows, program, kept))),
        ]),
        Figure(f"progress of {SPEAKERS} children", "one socketpair", [
            Contender("one socketpair", partial(told_by, on("0,1", flood, frames * SPEAKERS))),
            Contender("hearken", partial(told_by, on("0", *everybody)), least_on_a_core=500_000),
        ]),
    ]


def one_round(figure, only):
    so_far = {}
    for one in figure.contenders:
        if only and one.name != figure.floor and not any(name in one.name for name in only):
            continue
        so_far[one.name] = one.measure(so_far)
        say(f"  {figure.title}: {one.name} {so_far[one.name].each_second:.0f}/s")
    figure.rounds.append(so_far)


def verdict(one, times, rates):
    if one.times is not None:
        reached, wanted, shown = report.median(times), one.times, f"{one.times}×"
    elif one.least is not None:
        reached, wanted = report.median([rate.each_second for rate in rates]), one.least
        shown = per_second(wanted)
    elif one.least_on_a_core is not None:
        reached, wanted = 1 / report.median([rate.own for rate in rates]), one.least_on_a_core
        shown = f"{per_second(wanted)} on one core"
    else:
        return ""
    return f"target ≥ {shown} " + ("met" if reached >= wanted else f"missed by {1 - reached / wanted:.0%}")


def lines(figure):
    yield from ("", figure.title)
    for one in figure.contenders:
        rates = [so_far[one.name] for so_far in figure.rounds if one.name in so_far]
        if not rates:
            continue
        times = [so_far[one.name].each_second / so_far[figure.floor].each_second for so_far in figure.rounds]
        own = [rate.own for rate in rates if rate.own]
        cells = [
            f"  {one.name:26}",
            f"{report.spread([rate.each_second for rate in rates], per_second):36}",
            f"{report.spread(times, '{:.2f}×'.format) if one.name != figure.floor else '':26}",
            f"{report.median(own) * 1e6:6.2f} µs own   " if own else " " * 15,
            verdict(one, times, rates),
        ]
        yield "".join(cells).rstrip()


def per_second(rate):
    return f"{rate / 1e3:.1f} k/s" if rate >= 1000 else f"{rate:.0f}/s"


def arguments(words):
    parser = argparse.ArgumentParser(prog="run pools", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how many (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer tasks (1.0)")
    parser.add_argument("--only", default="", help="beside the floors, only those whose names have one of these in them")
    parser.add_argument("--figures", default="", help="only figures whose titles have one of these in them")
    parser.add_argument("--program", type=Path, help="a bench_pool binary; without it, the release build is made")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="before a round, wait so long at most for an idle machine")
    given = parser.parse_args(words)
    if given.rounds < 1 or given.scale <= 0:
        parser.error("--rounds is 1 or more, --scale more than 0")
    return given


def main(words):
    given = arguments(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place = Path(tempfile.mkdtemp(prefix="bench-"))
    named = lambda among: [name for name in among.split(",") if name]
    try:
        program = (given.program or build("hearken-e2e", "bench_pool")).resolve()
        programs = {name: compile_c(name, place) for name in ("pool", "flood")}
        wanted = figures(given.scale, program, programs)
        if given.figures:
            wanted = [figure for figure in wanted if any(name in figure.title for name in named(given.figures))]
        for figure in wanted:
            for one in [one for one in figure.contenders if not one.is_there()]:
                say(f"{one.name}: is skipped: it, or what it needs, is not installed")
                figure.contenders.remove(one)
        for number in range(given.rounds):
            processes.await_idle(given.wait)
            say(f"round {number + 1} of {given.rounds}")
            for figure in wanted:
                one_round(figure, named(given.only))
    except (OSError, subprocess.SubprocessError) as failed:
        sys.exit(f"a measurement failed: {failed}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"pools, {given.rounds} rounds, {report.machine()}")
    print("median (least to most); × is beside the floor of the same round: floor, xargs, SQLite alone, one socketpair")
    for figure in wanted:
        print("\n".join(lines(figure)))
