"""A worker that does nothing for a task. Its argument: how many tasks it takes at once."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk/python/src"))

from hearken_worker import run_tasks  # noqa: E402

run_tasks(lambda task: None, credits=int(sys.argv[1]))
