"""Python's own pools: pythons.py pool|executor TASKS WORKERS. Tasks go one by one, as hearken's do."""

import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def nothing(task):
    return None


def main():
    which, tasks, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if which == "pool":
        with multiprocessing.Pool(workers) as pool:
            seconds = timed(lambda count: pool.imap_unordered(nothing, range(count)), tasks)
    else:
        with ProcessPoolExecutor(workers) as pool:
            seconds = timed(lambda count: pool.map(nothing, range(count)), tasks)
    print(json.dumps({"count": tasks, "seconds": seconds}))


def timed(do, tasks):
    """A tenth is done before, as it is for hearken."""
    for _ in do(tasks // 10):
        pass
    begun = time.monotonic()
    done = sum(1 for _ in do(tasks))
    assert done == tasks
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
