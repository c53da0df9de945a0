"""One piece of work in a process of its own, without the process's start.

    python -m benchmarks.work load [FROM]      reads the API as `loop-returns load` does
    python -m benchmarks.work normalizer FILE  the same pages through dlt's own normalizer, tuned
    python -m benchmarks.work build           builds the marts

Prints the seconds of wall time that it took.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from loop_returns import pipeline, settings
from loop_returns.api import fields
from loop_returns.instants import now
from loop_returns.job import Job
from loop_returns.terminal import Reporter


def job() -> Job:
    """What the environment asks for."""
    return Job(settings.read(), {}, now(), Reporter(quiet=True))


def load(start: str = "") -> None:
    """Load what is new, or everything from a day on."""
    this = job()
    from loop_returns.extract import pull, source

    assert pull, source  # their import is no part of the work
    started = time.monotonic()
    pipeline.load(this, datetime.fromisoformat(start) if start else None)
    print(time.monotonic() - started)


def build() -> None:
    """Build the marts in the work file, and publish."""
    this = job()
    started = time.monotonic()
    pipeline.build(this)
    print(time.monotonic() - started)


def _hints(table: str) -> dict[str, Any]:
    types = {"json": "json", "decimal": "decimal", "timestamp": "timestamp", "bool": "bool"}
    return {
        path: {"data_type": types.get(of.type, "text")}
        for path, of in fields.TABLES[table].fields.items()
        if "." not in path
    }


def normalizer(file: str) -> None:
    """Dicts through dlt: parquet, no compression, typed hints, garbage collection off."""
    settings.prepare_dlt()
    import dlt

    @dlt.resource(name="returns", primary_key="id", write_disposition="merge", columns=_hints("returns"))
    def returns() -> Iterator[list[dict[str, Any]]]:
        with Path(file).open("rb") as pages:
            for page in pages:
                yield orjson.loads(page)["returns"]

    home = settings.paths().data
    home.mkdir(parents=True)
    pipe = dlt.pipeline(
        "plain",
        pipelines_dir=str(home / "dlt"),
        destination=dlt.destinations.duckdb(str(home / "plain.duckdb")),
        dataset_name="loop_raw",
    )
    gc.disable()
    started = time.monotonic()
    pipe.run(returns(), loader_file_format="parquet")
    print(time.monotonic() - started)


if __name__ == "__main__":
    {"load": load, "build": build, "normalizer": normalizer}[sys.argv[1]](*sys.argv[2:])
