"""Measure every goal, print the table, and keep it in `benchmarks/results.md`.

    python -m benchmarks            100,000 returns where the goals say 1,000,000: some ten minutes
    SCALE=10 python -m benchmarks   the sizes of the goals
    ROUNDS=1 python -m benchmarks   a quick look
    python -m benchmarks loads      one part: loads, life or backfill

What is compared runs turn by turn in one run, `ROUNDS` times (5); ratios are of medians.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks import backfill
from benchmarks.goals import Goal, as_table, at_least, at_most, ratio
from benchmarks.harness import Server, run, server
from benchmarks.shops import CHANGED, Measured, Shop

SCALE = int(os.environ.get("SCALE", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
LOADED = 100_000
LARGE, SMALL = 100_000 * SCALE, 10_000 * SCALE
RESULTS = Path(__file__).parent / "results.md"
MEASURED = "<!-- measured -->\n"


def loads(api: Server, unique: Path, folder: Path) -> Iterator[Goal]:
    """First load and re-load against the floor and against dlt's normalizer; memory."""
    shop = Shop(api, unique, LOADED, folder / "loads")
    first, again, floor, plain = [], [], [], []
    for _ in range(ROUNDS):
        first.append(shop.first_load())
        again.append(shop.reload())
        floor.append(shop.floor())
    for _ in range(min(ROUNDS, 2)):  # each takes a minute
        plain.append(shop.normalizer())
    many = f"{LOADED:,} returns"
    yield at_most(f"first load of {many}, to DuckDB's read_json", 2, *_ratio(first, floor))
    yield at_least(f"dlt's normalizer, tuned, to the first load of {many}", 5, *_ratio(plain, first))
    yield at_most(f"re-load of {many} into full tables, to read_json", 3.5, *_ratio(again, floor))
    peak = median(one.process.peak_mb for one in first)
    others = f"re-load {_peak(again):.0f}, read_json {_peak(floor):.0f}, normalizer {_peak(plain):.0f}"
    yield at_most(f"peak memory of the first load of {many}", 400, peak, " MB", others)


def life(api: Server, unique: Path, folder: Path) -> Iterator[Goal]:
    """What follows the first load, in a large shop and in one of a tenth of it."""
    large, small = (Shop(api, unique, size, folder / str(size)) for size in (LARGE, SMALL))
    at_large, at_small = large.first_load(), small.first_load()
    peaks = at_large.process.peak_mb, at_small.process.peak_mb
    growth = f"{peaks[0]:.0f} MB / {peaks[1]:.0f} MB"
    yield at_most(f"peak memory at {LARGE:,} returns to {SMALL:,}", 1.2, peaks[0] / peaks[1], "", growth)
    built = large.build()
    changed_large = [large.load_changed() for _ in range(ROUNDS)]
    changed_small = [small.load_changed() for _ in range(ROUNDS)]
    rebuilt = large.build()
    took = median(one.seconds for one in changed_large)
    yield at_most(f"{CHANGED:,} changed returns into {LARGE:,}", 1.5, took, " s")
    yield at_most(f"the same, to into {SMALL:,}", 1.3, *_ratio(changed_large, changed_small))
    yield at_most(f"all marts over {LARGE:,} returns, first build", 25, built.seconds, " s")
    yield at_most("the same: memory", 2000, built.process.peak_mb, " MB")
    yield at_most(f"all marts after {CHANGED:,} changed returns", 8, rebuilt.seconds, " s")
    for words, limit in ((("run",), 8.0), (("status",), 2.0), (("--help",), 0.5)):
        wall = median(large.command(*words).wall for _ in range(ROUNDS))
        what = "a run with nothing new, with marts" if words == ("run",) else words[0]
        yield at_most(f"`{what}`, whole process", limit, wall, " s")


def _ratio(of: list[Measured], to: list[Measured]) -> tuple[float, str, str]:
    value, said = ratio([one.seconds for one in of], [one.seconds for one in to])
    return value, " x", said


def _peak(of: list[Measured]) -> float:
    return median(one.process.peak_mb for one in of)


def _keep(table: str) -> None:
    """Put the table in the place of the last one; the words about it stay."""
    head, _, tail = RESULTS.read_text().partition(MEASURED)
    _, mark, tail = tail.partition(MEASURED)
    RESULTS.write_text(head + MEASURED + table + "\n" + (mark or MEASURED) + tail)


def main(parts: list[str]) -> None:
    """Measure, print, keep."""
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory() as name, server() as api:
        unique = Path(name) / "unique"
        run(["-m", "benchmarks.data", "unique", str(unique)])
        of: dict[str, Callable[[], Iterator[Goal]]] = {
            "loads": lambda: loads(api, unique, Path(name)),
            "life": lambda: life(api, unique, Path(name)),
            "backfill": lambda: iter(backfill.goals(10_000)),
        }
        for part in parts or of:
            for goal in of[part]():
                print(as_table([goal]).splitlines()[-1], flush=True)
                goals.append(goal)
    print("\n" + as_table(goals))
    if not parts:
        _keep(f"{LARGE:,} returns where it is about a large shop; {ROUNDS} rounds.\n\n" + as_table(goals))


if __name__ == "__main__":
    main(sys.argv[1:])
