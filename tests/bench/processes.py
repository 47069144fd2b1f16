"""What /proc tells of a supervisor's own processes."""

import time
from pathlib import Path


def _read(path):
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""


def _everyone():
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _stat(pid):
    """The fields of /proc/PID/stat after the name, which may hold anything."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()


def descendants(root):
    """`root` and everything below it."""
    children = {}
    for pid in _everyone():
        if fields := _stat(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def working_in(directory):
    """Everyone whose current directory is in `directory`, whoever its parent is by now."""
    inside = []
    for pid in _everyone():
        try:
            where = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            continue
        if where.is_relative_to(directory):
            inside.append(pid)
    return inside


def pss(pids):
    """Memory in bytes: private pages, and of shared ones the part that falls to each.

    None if the kernel will not tell us of one of them (it takes root where a process made
    itself undumpable, as hearken's fork server does)."""
    total = 0
    for pid in pids:
        lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
        line = next((line for line in lines if line.startswith("Pss:")), None)
        if line is None:
            return None
        total += int(line.split()[1]) * 1024
    return total


def switches(pids):
    """How often any thread of these was put on a processor: each is one wake-up, or a turn lost."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            for line in _read(task / "status").splitlines():
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
    return total


def cpu(pids):
    """Seconds of processor time that the threads of these have used, to the nanosecond."""
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*"))
    return sum(int(text.split()[0]) for task in tasks if (text := _read(task / "schedstat"))) / 1e9


def _machine_ticks():
    """(idle, all) of the whole machine since it was started."""
    ticks = [int(one) for one in _read(Path("/proc/stat")).splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def await_idle(patience):
    """Returns once nine tenths of the machine had nothing to do for a while, or patience is over."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before = _machine_ticks()
        time.sleep(0.3)
        after = _machine_ticks()
        if after[0] - before[0] >= 0.9 * (after[1] - before[1]):
            return
