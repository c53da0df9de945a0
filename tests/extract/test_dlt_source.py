"""The dlt source with rows in it, into a destination of its own: the same tables as the straight load."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import orjson
from pages import PageBatch

from loop_returns.api.fields import raw_columns
from loop_returns.extract import source
from loop_returns.extract.pii import PiiPolicy
from loop_returns.settings import Paths, Settings, prepare_dlt
from loop_returns.simulator.render import Rows
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.world import build_world

AT = datetime(2026, 11, 20, tzinfo=UTC)


def _batches() -> list[PageBatch]:
    """Some returns; then one of them without its lines, one in another state, and some that are new."""
    world = build_world(seed=3, returns=60, days=60, end=AT)
    rows = Rows(Switches())
    items: list[dict[str, Any]] = [orjson.loads(rows.of(each)) for each in world.returns]
    emptied = next(each for each in items[:40] if each["line_items"])
    changed = next(each for each in items[:40] if each is not emptied)
    later = [emptied | {"line_items": []}, changed | {"state": "expired"}, *items[40:]]
    made = []
    for page in (items[:40], later):
        batch = PageBatch(PiiPolicy("drop"), "v1")
        batch.add_returns(page, AT)
        made.append(batch)
    return made


def _tables(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    with duckdb.connect(str(file), read_only=True) as database:
        for table, columns in raw_columns().items():
            names = ", ".join(f'"{name}"' for name in columns)
            found[table] = sorted(
                database.execute(f"select {names} from loop_raw.{table}").fetchall(), key=repr
            )
    return found


def test_given_rows_when_loaded_by_dlt_or_straight_then_the_tables_are_the_same(tmp_path: Path) -> None:
    prepare_dlt()
    straight = Settings(paths=Paths(tmp_path / "straight"), api_key="", base_url="http://127.0.0.1/api/v1")
    straight.paths.work.mkdir(parents=True)
    with source.opened(straight) as target:
        target.prepare()
        for batch in _batches():
            target.load(batch)
    by_dlt = dlt.pipeline(
        "by_dlt",
        pipelines_dir=str(tmp_path / "dlt"),
        destination=dlt.destinations.duckdb(str(tmp_path / "by_dlt.duckdb")),
        dataset_name="loop_raw",
    )
    for batch in _batches():
        by_dlt.run(source.loop_returns(batch), loader_file_format="parquet").raise_on_failed_jobs()

    loaded = _tables(straight.paths.work_file)

    assert _tables(tmp_path / "by_dlt.duckdb") == loaded
    assert len(loaded["returns"]) == 60
    assert len(loaded["return_history"]) > 60
