"""What `hearken worker-check` asks of a worker, in Python: the task types echo, fail, slow and large."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk/python/src"))

from hearken_worker import Invalid, Task, run_tasks  # noqa: E402


def echo(task: Task) -> object:
    return task.payload


def fail(task: Task) -> None:
    raise Invalid("as the task asks for", code="check.asked")


def slow(task: Task) -> int:
    task.wait(task.payload / 1000)
    task.check()
    return task.payload


def large(task: Task) -> bytes:
    return b"0123456789abcdef" * (96 * 1024)


run_tasks({"echo": echo, "fail": fail, "slow": slow, "large": large}, credits=2)
