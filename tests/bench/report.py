"""The figures as text: each beside the floor of the same round, and beside its target."""

import os
import platform
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One thing that is measured."""

    title: str
    field: str
    unit: str
    # The most hearken may take: so many times the floor, or so much; None: only shown.
    times: float | None = None
    most: float | None = None
    # Whether the floor has something to be compared with.
    beside_floor: bool = True


MIB = float(1 << 20)

ROWS = (
    Row("boot of all", "boot", "s", times=1.25),
    Row("all killed, all back", "all_back", "s", times=1.25),
    Row("one killed, back", "one_back", "ms", times=1.5),
    Row("memory", "memory", "MiB", most=12 * MIB, beside_floor=False),
    Row("memory after all came back", "memory_after", "MiB", beside_floor=False),
    # The sweep of every five seconds: at most three fall into ten.
    Row("wake-ups in 10 idle seconds", "wakeups", "", most=3, beside_floor=False),
    Row("own processor time of the boot", "boot_cpu", "s", beside_floor=False),
    Row("the same with the services'", "boot_cpu_all", "s"),
    Row("own processor time of all back", "all_back_cpu", "s", beside_floor=False),
    Row("the same with the services'", "all_back_cpu_all", "s"),
    Row("own processes", "processes", "", beside_floor=False),
)


def machine():
    return f"Linux {platform.release()}, {os.cpu_count()} processors"


def shown(value, unit):
    if value is None:
        return "not measured"
    match unit:
        case "s":
            return f"{value:.3f} s"
        case "ms":
            return f"{value * 1e3:.2f} ms"
        case "MiB":
            return f"{value / MIB:.1f} MiB"
        case _:
            return f"{value:.0f}"


def ratios(ours, floors):
    """Pairwise where there are pairs; one that stands alone beside the median of the floor."""
    if len(ours) == len(floors):
        return [our / floor for our, floor in zip(ours, floors)]
    return [our / median(floors) for our in ours]


def spread(values, form):
    if len(values) == 1:
        return form(values[0])
    return f"{form(median(values))} ({form(min(values))} – {form(max(values))})"


def verdict(row, ours, times):
    if row.times is not None:
        reached = median(times)
        if reached <= row.times:
            return f"target ≤ {row.times}× met"
        return f"target ≤ {row.times}× missed by {reached / row.times - 1:.0%}"
    if row.most is not None:
        reached, target = median(ours), shown(row.most, row.unit)
        if reached <= row.most:
            return f"target ≤ {target} met"
        return f"target ≤ {target} missed by {shown(reached - row.most, row.unit)}"
    return ""


def line(name, row, ours, floors):
    cells = [f"  {name:12}", f"{spread(ours, lambda one: shown(one, row.unit)):36}"]
    times = ratios(ours, floors) if row.beside_floor and name != "floor" else []
    cells.append(f"{spread(times, '{:.2f}×'.format) if times else '':26}")
    if name in ("hearken", "against"):
        cells.append(verdict(row, ours, times))
    return "".join(cells).rstrip()


def table(figures, services, machine):
    rounds = len(figures["floor"])
    lines = [
        f"{services} services, {rounds} rounds, {machine}",
        "median (least to most); × is the same figure of the floor, in the same round",
    ]
    floors = {row.field: [getattr(one, row.field) for one in figures["floor"]] for row in ROWS}
    for row in ROWS:
        measured = {name: [getattr(one, row.field) for one in all] for name, all in figures.items()}
        measured = {name: ours for name, ours in measured.items() if None not in ours}
        if measured:
            lines += ["", row.title]
        lines += [line(name, row, ours, floors[row.field]) for name, ours in measured.items()]
    noise = max(max(floors[field]) / min(floors[field]) for field in ("boot", "all_back"))
    lines += ["", f"The floor itself varied by {noise:.2f}× from round to round."]
    if noise > 1.3:
        lines.append("That is much: something else was running here. Only the ratios mean anything.")
    return "\n".join(lines)


def say_round(name, figures, say):
    said = ", ".join(
        f"{row.title} {shown(value, row.unit)}"
        for row in ROWS[:6]
        if (value := getattr(figures, row.field)) is not None
    )
    say(f"  {name}: {said}")
