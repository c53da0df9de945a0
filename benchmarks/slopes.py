"""How the load grows with the shop: rows that are ready, straight into the tables, without API and parsing.

    python -m benchmarks.slopes 10000 100000 1000000    a table of both destinations, at each size
    python -m benchmarks.slopes one DESTINATION RETURNS  one of them; prints its figures as JSON

A thousand simulated returns -> Arrow tables -> copies with ids of their own, 5,000 at a time -> Target.load

CPU seconds are those of the whole process; on a busy machine they say more than the wall clock does.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from benchmarks import harness
from benchmarks.data import END, unique_returns

from loop_returns.extract import source
from loop_returns.extract.batch import Batch
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.typed import typed_page
from loop_returns.settings import Paths, Settings, prepare_dlt

DESTINATIONS = ("duckdb", "filesystem")
UNIQUE = 1_000
COPIES = 5
CHANGED = 1_000
Tables = dict[str, pa.Table]


class Ready(Batch):
    """A batch whose tables are there already."""

    def __init__(self, tables: Tables) -> None:
        super().__init__("v1")
        self._ready = tables

    def tables(self) -> Tables:
        """The tables."""
        return self._ready


def unique() -> Tables:
    """A thousand returns with all that is theirs."""
    batch = Batch("v1")
    items = [orjson.loads(each) for each in unique_returns(UNIQUE)]
    batch.add(typed_page("returns", items, PiiPolicy("drop"), END))
    return batch.tables()


def copies(tables: Tables, numbers: range) -> Tables:
    """The same returns so many times, each time with ids of their own."""
    made = {}
    for name, rows in tables.items():
        key = "id" if name == "returns" else "return_id"
        parts = [_renamed(rows, key, number) for number in numbers] if key in rows.column_names else [rows]
        made[name] = pa.concat_tables(parts)
    return made


def _renamed(rows: pa.Table, key: str, number: int) -> pa.Table:
    ids = pc.binary_join_element_wise(rows[key], f"-{number}", "")
    return rows.set_column(rows.column_names.index(key), key, ids)


def batches(tables: Tables, returns: int) -> Iterator[Tables]:
    """So many returns, 5,000 at a time."""
    end = max(1, returns // UNIQUE)
    for first in range(0, end, COPIES):
        yield copies(tables, range(first, min(end, first + COPIES)))


def one(destination: str, returns: int, folder: Path) -> dict[str, float]:
    """Load so many into an empty destination, then a thousand of them again."""
    paths = Paths(folder / "data")
    paths.work.mkdir(parents=True)
    bucket = f"file://{folder / 'bucket'}" if destination == "filesystem" else ""
    ready = unique()
    figures: dict[str, float] = {"returns": returns}
    with source.opened(Settings(paths, "", destination=destination, bucket=bucket)) as target:
        target.prepare()
        before = time.process_time()
        for tables in batches(ready, returns):
            target.load(Ready(tables))
        figures["load_cpu"] = time.process_time() - before
        before = time.process_time()
        target.load(Ready(copies(ready, range(1))))
        figures["changes_cpu"] = time.process_time() - before
        before = time.process_time()
        target.client.execute_sql("select count(*), sum(refund) from loop_raw.returns")
        figures["read_cpu"] = time.process_time() - before
    files = [each.stat().st_size for each in folder.rglob("*") if each.is_file()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures | {"megabytes": sum(files) / 1e6, "peak_megabytes": peak}


def main(*words: str) -> None:
    """Measure each size and destination in a process of its own."""
    if words[0] == "one":
        prepare_dlt()
        with TemporaryDirectory(prefix="loop-returns-slopes-") as folder:
            print(json.dumps(one(words[1], int(words[2]), Path(folder))))
        return
    print("| returns | destination | load, CPU s | 1,000 again, CPU s | read, CPU s | MB | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size in words:
        for destination in DESTINATIONS:
            took = json.loads(harness.run(["-m", "benchmarks.slopes", "one", destination, size]).out)
            cells = [
                f"{took['load_cpu']:.1f}",
                f"{took['changes_cpu']:.2f}",
                f"{took['read_cpu']:.2f}",
                f"{took['megabytes']:,.0f}",
                f"{took['peak_megabytes']:,.0f}",
            ]
            print(f"| {int(size):,} | {destination} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
