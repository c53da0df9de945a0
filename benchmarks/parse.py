"""How fast pages become Arrow tables: the columnar way against the parser alone, and against the obvious way.

    python -m benchmarks.parse          # 20,000 returns of 4 to 5 kB, from the root of the repository
    RETURNS=5000 python -m benchmarks.parse

simulator.render -> pages of 750 returns as bytes -> three ways, turn by turn, five times; medians. The
columnar and the obvious way (`tests/extract/oracle.py`) get parsed pages, and hand out tables every 5,000
returns, as a load does. Peak memory is that of a process of its own for each way, pages read one by one.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import orjson
from tests.extract.oracle import OracleBatch
from tests.extract.pages import PageBatch as Batch

from loop_returns.extract.pii import PiiPolicy
from loop_returns.simulator.render import Rows
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.world import build_world

RETURNS = int(os.environ.get("RETURNS", "20000"))
ROUNDS = 5
PAGE = 750
LOAD = 5_000
SIZE = range(3_900, 5_200)
AT = datetime(2026, 11, 20, tzinfo=UTC)
POLICY = PiiPolicy("hash", "a-key-of-the-benchmark")
GOAL_OF_PARSER, GOAL_OF_OBVIOUS = 3.0, 6.0


def make_pages(count: int) -> list[bytes]:
    """Bodies of list pages, each return of a size in `SIZE`."""
    rows, seed, made = Rows(Switches()), 1, list[bytes]()
    while len(made) < count:
        world = build_world(seed=seed, returns=20_000, days=400, end=AT)
        made += [body for body in map(rows.of, world.returns) if len(body) in SIZE]
        rows, seed = Rows(Switches()), seed + 1
    lots = (made[start : min(start + PAGE, count)] for start in range(0, count, PAGE))
    return [b'{"returns":[' + b",".join(lot) + b'],"nextPageUrl":null}' for lot in lots]


def parse(pages: Iterable[bytes]) -> float:
    """CPU seconds of the parser alone."""
    start = process_time()
    for page in pages:
        orjson.loads(page)
    return process_time() - start


def tables_by(kind: Callable[[PiiPolicy, str], Any]) -> Callable[[Iterable[bytes]], float]:
    """CPU seconds from parsed pages to tables, the parser not counted."""

    def run(pages: Iterable[bytes]) -> float:
        spent, batch = 0.0, kind(POLICY, "v1")
        for page in pages:
            items = orjson.loads(page)["returns"]
            start = process_time()
            batch.add_returns(items, AT)
            del items
            if batch.rows >= LOAD:
                batch.tables()
                batch = kind(POLICY, "v1")
            spent += process_time() - start
        start = process_time()
        batch.tables()
        return spent + process_time() - start

    return run


WAYS: dict[str, Callable[[Iterable[bytes]], float]] = {
    "parser alone": parse,
    "columnar": tables_by(Batch),
    "obvious": tables_by(OracleBatch),
}


def in_child(*words: str) -> str:
    """What this module prints when it is run on its own with these words.

    To be called while this process is small: a child's peak begins with what its parent held.
    """
    command = [sys.executable, "-m", "benchmarks.parse", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - own words


def child(way: str, file: Path) -> None:
    """Write the pages, or print by how many MB one way through them raises this process's peak."""
    if way == "pages":
        file.write_bytes(b"\n".join(make_pages(RETURNS)))
        return
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with file.open("rb") as pages:
        WAYS[way](pages)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pages"
        in_child("pages", str(file))
        peaks = {way: float(in_child(way, str(file))) for way in WAYS}
        pages = file.read_bytes().split(b"\n")
    print(f"{RETURNS} returns of {sum(map(len, pages)) / RETURNS:.0f} bytes, {ROUNDS} rounds")
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way, run in WAYS.items():
            seconds[way].append(run(pages))
    took = {way: median(each) for way, each in seconds.items()}
    for way, spent in took.items():
        each = spent / RETURNS * 1e6
        print(f"{way:14}{spent:7.2f} s CPU{each:8.1f} us a return{peaks[way]:7.0f} MB above start")
    fast = took["columnar"]
    print(f"columnar / parser alone  {fast / took['parser alone']:6.2f}  (goal: at most {GOAL_OF_PARSER})")
    print(f"obvious / columnar       {took['obvious'] / fast:6.2f}  (goal: at least {GOAL_OF_OBVIOUS})")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
