"""Counts to a hundred, says so, and stops when told to."""

from hearken_worker import run


def main(worker):
    worker.ready()
    for done in range(101):
        worker.progress(done, 100, unit="steps")
        if worker.wait(0.1):
            return


run(main)
