"""The destination `filesystem`: a killed load, a machine that has nothing but the bucket, a whole run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pyarrow as pa
import pytest

from conftest import Shop
from loop_returns.api import fields
from loop_returns.extract import file_views, source
from loop_returns.extract.file_store import LOAD_ID
from loop_returns.settings import Paths, Settings
from loop_returns.warehouse import marts
from support.truth import assert_complete

if TYPE_CHECKING:
    from loop_returns.extract.files import FileTarget
    from support.whole_shop import WholeShop

# Dies when all files of its fourth load are there, and their record is not.
DRIVER = """
import os, signal
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from loop_returns import cli

inner, loads = FilesystemClient.complete_load, []

def complete(client, load):
    loads.append(load)
    if len(loads) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    inner(client, load)

FilesystemClient.complete_load = complete
cli.run(["load"])
"""


def into_files(shop: Shop) -> dict[str, str]:
    """The settings of this destination."""
    bucket = f"file://{shop.folder / 'bucket'}"
    return {"DESTINATION__NAME": "filesystem", "DESTINATION__FILESYSTEM__BUCKET_URL": bucket}


def test_given_a_killed_load_and_a_fresh_machine_then_the_files_alone_are_enough(
    open_shop: Callable[..., Any],
) -> None:
    shop, simulator = open_shop()
    shop.env |= into_files(shop) | {"SOURCES__LOOP_RETURNS__BATCH_ROWS": "500"}

    killed = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=shop.folder,
        env=shop.environment(),
        capture_output=True,
        text=True,
    )
    shutil.rmtree(shop.data)
    result = shop.json("load")["load"]

    assert killed.returncode == -9, killed.stderr
    assert result["resumed"] is True
    assert_complete(shop.work_file, simulator.world)
    tables = "select count(*) from duckdb_tables() where schema_name = 'loop_raw'"
    assert shop.rows(tables) == [(0,)]


def test_given_a_work_file_with_rows_of_its_own_then_it_is_not_turned_into_views(
    open_shop: Callable[..., Any],
) -> None:
    shop, _ = open_shop()
    shop.loop("load")

    refused = shop.loop("load", exit_code=2, **into_files(shop))

    assert "the work file holds the raw tables themselves" in refused.stderr
    assert "LOOP_RETURNS_DATA_DIR" in refused.stderr


def into_bucket(work_file: Path, settings: Settings) -> None:
    """Move the raw tables of a work file into files, each row with the load that it came with."""
    with duckdb.connect(str(work_file)) as database:
        held = {
            name: database.execute(f"from loop_raw.{name}").to_arrow_table() for name in fields.raw_columns()
        }
        database.execute("drop schema loop_raw cascade")
    with source.opened(settings) as target:
        target.prepare()
        store = cast("FileTarget", target).files.store
        store.rebase(((name, as_stored(name, rows)) for name, rows in held.items()), store.snapshot(), 1e9)


def as_stored(table: str, rows: pa.Table) -> pa.RecordBatchReader:
    """Rows of a table as its files have them."""
    if table == file_views.WINDOWS:
        renamed = {LOAD_ID: file_views.WINDOW_LOAD}
        rows = rows.rename_columns([renamed.get(name, name) for name in rows.column_names])
        rows = rows.append_column(LOAD_ID, pa.repeat("1.0", len(rows)))
    return rows.select(list(file_views.stored(table))).to_reader()


@pytest.mark.slow
def test_given_the_raw_tables_as_files_then_the_marts_are_the_same(
    whole_shop: WholeShop, tmp_path: Path
) -> None:
    paths = Paths(tmp_path / "data")
    paths.work.mkdir(parents=True)
    shutil.copyfile(whole_shop.data / "work" / "loop.duckdb", paths.work_file)
    bucket = f"file://{tmp_path / 'bucket'}"
    into_bucket(paths.work_file, Settings(paths, "", destination="filesystem", bucket=bucket))
    as_of = whole_shop.rows("select max(as_of) from marts.run_control")[0][0]
    merchant = {"details": {"wanted": ["refunds"], "per_run": 1000}, "actions": {"enabled": True}}

    marts.build(paths.work_file, as_of=as_of, settings=merchant)

    listed = "select schema_name || '.' || table_name from duckdb_tables() where schema_name in {} order by 1"
    names = [name for (name,) in whole_shop.rows(listed.format("('staging', 'rules', 'marts')"))]
    with duckdb.connect(str(paths.work_file)) as database:
        database.execute("set timezone = 'UTC'")
        built = {name: sorted(database.execute(f"from {name}").fetchall(), key=repr) for name in names}
    expected = {name: sorted(whole_shop.rows(f"from {name}"), key=repr) for name in names}
    assert [name for name in names if built[name] != expected[name]] == []
    assert len(names) > 80
