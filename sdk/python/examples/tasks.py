"""Counts the words of text files: a worker of a pool. By hand: python3 tasks.py /usr/share/common-licenses/GPL-3"""

from hearken_worker import Handlers, NotFound, run_tasks

handlers = Handlers()


@handlers.on("count_words")
def count_words(task):
    """The payload is a path."""
    lines = words = 0
    try:
        with open(task.payload, encoding="utf-8", errors="replace") as file:
            for line in file:
                lines += 1
                words += len(line.split())
                if lines % 10_000 == 0:
                    task.check()
                    task.progress(lines, unit="lines")
    except FileNotFoundError as missing:
        raise NotFound(f"there is no {task.payload}", code="file.missing") from missing
    return {"lines": lines, "words": words}


run_tasks(handlers, credits=16)
