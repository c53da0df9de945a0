"""What is loaded into Postgres is what is loaded into DuckDB: the same rows, complete, all or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.postgres import GUARDED, PASSWORD, Server, opened
from tests.support.truth import assert_complete

from conftest import END, KEY
from loop_returns import pipeline
from loop_returns.api.fields import raw_columns
from loop_returns.doctor import Finding, findings
from loop_returns.errors import DatabaseLockedError
from loop_returns.job import Job, writing
from loop_returns.settings import Paths, Settings, prepare_dlt
from loop_returns.simulator.app import Simulator, Switches
from loop_returns.simulator.world import build_world
from loop_returns.terminal import Reporter
from loop_returns.warehouse.place import Place

OF_THE_RUN = ("run_id", "fetched_at", "observed_at", "started_at", "finished_at", "requests", "pages")


def job(folder: Path, base_url: str, dsn: str, present: datetime = END, **merchant: Any) -> Job:
    prepare_dlt()
    settings = Settings(
        paths=Paths(folder),
        api_key=KEY,
        base_url=base_url,
        page_size=50,
        batch_rows=60,
        requests_per_minute=100_000,
        pii_key="a-key-of-the-tests",
        destination="postgres" if dsn else "duckdb",
        dsn=dsn,
    )
    return Job(settings, {"run": {"lock_wait_seconds": 0}} | merchant, present, Reporter(quiet=True))


def raw(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """Every raw table, without what each run has of its own."""
    found = {}
    with place.opened() as database:
        for table, columns in raw_columns().items():
            names = ", ".join(f'"{name}"' for name in columns if name not in OF_THE_RUN)
            rows = database.execute(f"select {names} from loop_raw.{table}").fetchall()
            found[table] = sorted((tuple(map(plain, row)) for row in rows), key=repr)
    return found


def plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value


def test_given_a_shop_that_lives_on_when_each_destination_pulls_it_then_no_row_differs(
    tmp_path: Path, postgres_database: str
) -> None:
    world = build_world(seed=19, returns=120, days=90, end=END)
    places = {"duckdb": "", "postgres": postgres_database}
    wanted = {"details": {"wanted": ["refunds", "labels"], "per_run": 15}}
    with Simulator(world, Switches(page_order="shuffled"), api_key=KEY) as simulator:
        jobs = {name: job(tmp_path / name, simulator.base_url, dsn, **wanted) for name, dsn in places.items()}
        for days in (0, 1, 1):
            world.advance(days)
            for name, each in jobs.items():
                jobs[name] = replace(each, present=world.end)
                pipeline.load(jobs[name])
        loaded = {name: raw(each.settings.place) for name, each in jobs.items()}
        held = pipeline.verify(jobs["postgres"])

    assert held.holds
    assert_complete(jobs["postgres"].settings.place, world, gone_notices=True)
    for table, rows in loaded["duckdb"].items():
        assert loaded["postgres"][table] == rows, table
    assert {table for table, rows in loaded["duckdb"].items() if not rows} <= {
        "webhook_events",
        "webhook_counters",
    }
    with jobs["postgres"].settings.place.opened() as database:
        marked = "select count(*) from loop_raw.returns where _dlt_load_id not in (select load_id from"
        assert database.execute(f"{marked} loop_raw._dlt_loads)").fetchone() == (0,)


def test_one_host_writes_a_database_at_a_time_and_who_does_is_named(
    tmp_path: Path, postgres_database: str
) -> None:
    here, there = (job(tmp_path / name, "http://127.0.0.1", postgres_database) for name in ("here", "there"))

    with (
        writing(here),
        pytest.raises(DatabaseLockedError, match="database is locked") as raised,
        writing(there),
    ):
        pass
    with writing(there):
        pass

    assert "loop-returns" in raised.value.cause
    assert "PID" in raised.value.cause


def test_check_says_what_the_user_may_do(
    tmp_path: Path, postgres_server: Server, postgres_database: str
) -> None:
    name = postgres_database.partition("?")[0].rpartition("/")[2]
    guarded = postgres_server.uri(name, GUARDED, PASSWORD)
    with opened(postgres_database) as cursor:
        cursor.execute(f"create schema loop_raw; grant create on schema loop_raw to {GUARDED}")

    refused = about_the_database(job(tmp_path, "http://127.0.0.1", guarded))
    with opened(postgres_database) as cursor:
        cursor.execute(f"grant create on database {name} to {GUARDED}")
    allowed = about_the_database(job(tmp_path, "http://127.0.0.1", guarded))

    assert (refused.result, refused.exit_code) == ("fail", 1)
    assert "compat, ext, loop_raw_staging, marts, ops, rules, staging" in refused.text
    assert (allowed.result, PASSWORD in allowed.text) == ("ok", False)


def about_the_database(at: Job) -> Finding:
    return next(each for each in findings(at) if each.point == "database")


def test_given_a_runner_that_kept_its_disk_and_one_that_lost_it_when_loaded_then_postgres_has_the_same(
    tmp_path: Path, postgres_server: Server
) -> None:
    world = build_world(seed=19, returns=60, days=60, end=END)
    before, after = postgres_server.database(), postgres_server.database()
    with Simulator(world, Switches(), api_key=KEY) as simulator:
        kept = job(tmp_path / "kept", simulator.base_url, before)
        pipeline.load(kept)
        name = urlsplit(after).path.strip("/")
        postgres_server.run(f"drop database {name}")
        postgres_server.run(f"create database {name} template {urlsplit(before).path.strip('/')}")
        world.advance(1)
        lost = job(tmp_path / "lost", simulator.base_url, after, world.end)
        for each in (replace(kept, present=world.end), lost):
            pipeline.load(each)

    assert raw(kept.settings.place) == raw(lost.settings.place)
    assert_complete(lost.settings.place, world, gone_notices=True)
