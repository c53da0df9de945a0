"""A fresh runner: the DuckDB file kept or lost, dlt's working directory kept or lost; the same tables.

What is of the present is equal in all four. What only the old file knew (earlier versions of a return, when a
break was first seen) begins anew where it was lost; those tables are named here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import END, Shop
from loop_returns.simulator.world import build_world
from support.truth import assert_complete

OpenShop = Callable[..., Any]

LATER = {"LOOP_RETURNS_AS_OF": (END + timedelta(days=1)).isoformat()}
OF_A_LOAD = ("_dlt_load_id", "load_id", "fetched_at", "observed_at", "seen_at")
OF_RUNS = {"loop_raw.pull_windows"}
KNOWN_BEFORE = {
    "loop_raw.advanced_shipping_notices",  # lines that vanished upstream; staging leaves them out
    "loop_raw.return_history",
    "marts.break_ledger",
    "marts.fin_liability",
    "marts.fin_liability_expected",
    "marts.open_breaks",  # first_seen_at, age_days
    "marts.ops_sla",  # first_scan_at
    "marts.recon_coverage",
    "marts.return_versions",
    "staging.stg_pull_windows",
    "staging.stg_return_history",
}
TABLES = """
select schema_name || '.' || table_name from duckdb_tables()
where database_name = 'a' and schema_name in ('loop_raw', 'staging', 'marts')
    and not starts_with(table_name, '_dlt') order by 1
"""
CASES = list(product(("kept", "lost"), repeat=2))


def copies(shop: Shop) -> Iterator[tuple[str, Shop]]:
    """The folder as four runners find it the next day."""
    for file, state in CASES:
        folder = shop.folder.with_name(f"{file}-{state}")
        shutil.copytree(shop.folder, folder)
        runner = Shop(folder, shop.base_url, shop.env)
        if file == "lost":
            runner.work_file.unlink()
            runner.published.unlink(missing_ok=True)
        if state == "lost":
            shutil.rmtree(runner.data / "work" / "dlt")
        yield f"file {file}, state {state}", runner


def differing(first: Path, second: Path) -> set[str]:
    """Tables whose rows are not the same, but for when and by which load they were read."""
    with duckdb.connect() as database:
        for name, file in (("a", first), ("b", second)):
            database.execute(f"attach '{file}' as {name} (read_only)")
        names = [name for (name,) in database.execute(TABLES).fetchall()]
        assert {"loop_raw.returns", "loop_raw.returns__line_items"} <= set(names)
        return {name for name in names if rows(database, f"a.{name}") != rows(database, f"b.{name}")}


def rows(database: duckdb.DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    found = database.execute(f"describe {table}").fetchall()
    columns = [name for name, *_ in found if name not in OF_A_LOAD]
    return database.execute(f"select {', '.join(columns)} from {table} order by all").fetchall()


def test_given_file_and_state_kept_or_lost_when_run_again_then_the_tables_are_right(
    open_shop: OpenShop,
) -> None:
    shop, simulator = open_shop(build_world(seed=7, returns=60, days=60, end=END))
    shop.plan()
    shop.loop("run")
    simulator.world.advance(1)

    runners = dict(copies(shop))
    kept = runners.pop("file kept, state kept")
    kept.loop("run", **LATER)
    for runner in runners.values():
        runner.loop("load", **LATER)
    anew = Shop(shop.folder.with_name("anew"), shop.base_url, shop.env)
    anew.plan()
    anew.loop("run", **LATER)

    for name, runner in runners.items():
        assert_complete(runner.work_file, simulator.world, gone_notices=True)
        raw = {each for each in differing(runner.work_file, kept.work_file) if each.startswith("loop_raw.")}
        assert raw <= OF_RUNS | (KNOWN_BEFORE if "file lost" in name else set()), name
    assert differing(anew.published, kept.published) <= OF_RUNS | KNOWN_BEFORE


@pytest.mark.slow
def test_given_nothing_at_all_when_run_then_the_marts_are_those_of_a_runner_that_kept_its_file(
    open_shop: OpenShop,
) -> None:
    """The same four, each with its own marts built from nothing."""
    shop, simulator = open_shop(build_world(seed=7, returns=60, days=60, end=END))
    shop.loop("run", timeout=1200)
    simulator.world.advance(1)

    runners = dict(copies(shop))
    for runner in runners.values():
        runner.loop("run", timeout=1200, **LATER)

    kept = runners["file kept, state kept"]
    for name, runner in runners.items():
        allowed = OF_RUNS | (KNOWN_BEFORE if "file lost" in name else {"staging.stg_pull_windows"})
        assert differing(runner.published, kept.published) <= allowed, name
