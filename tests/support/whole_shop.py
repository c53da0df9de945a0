"""One shop with everything in it, built once for all tests that look at a published file.

A planted world with the exports of its other systems, read by a whole run; two returns flagged, approved,
applied and confirmed; a day later a second run. Two workers of one test session share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.once import once

from loop_returns import hand_flags, pipeline
from loop_returns.job import Job
from loop_returns.ops import apply, plans
from loop_returns.settings import Paths, Settings, prepare_dlt
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.elsewhere.files import plant, render
from loop_returns.simulator.world import World, build_world
from loop_returns.terminal import Reporter

BEGIN = datetime(2026, 11, 19, 12, tzinfo=UTC)
KEY = "simulator-key"
_WORST = "select distinct return_id from marts.open_breaks where break_type = 'bad_grade' order by 1 limit 2"


@dataclass(frozen=True)
class WholeShop:
    """Its data directory, and what must be found in it. Its present is 2026-11-20 12:00 UTC.

    Attributes:
        expected: (mart, return id or `refund:`, `card:` and an id) -> class that was planted.
        acted: Returns that were flagged and confirmed.
    """

    data: Path
    expected: dict[tuple[str, str], str]
    acted: list[str]

    @property
    def published(self) -> Path:
        return self.data / "loop.duckdb"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the published file says, asked past the code that is tested."""
        with duckdb.connect(str(self.published), read_only=True) as database:
            database.execute("set timezone = 'UTC'")
            return database.execute(sql).fetchall()


def shared(factory: pytest.TempPathFactory) -> WholeShop:
    """The one shop of this test session, whichever worker asks first."""
    folder, facts = once(factory, "whole-shop", _build)
    expected = {(mart, key): kind for mart, key, kind in facts["expected"]}
    return WholeShop(folder / "data", expected, facts["acted"])


def _build(folder: Path) -> dict[str, list[Any]]:
    prepare_dlt()
    world = new_world()
    with Simulator(world, api_key=KEY) as simulator:
        acted = first_day(folder, world, simulator.base_url)
        world.advance(1)
        pipeline.run(_job(folder, world, simulator.base_url))
    expected = render(world).expected
    return {"expected": [[*key, kind] for key, kind in expected.items()], "acted": acted}


def new_world() -> World:
    """The shop at the end of its first day, the same each time."""
    world = build_world(seed=33, returns=150, days=120, end=BEGIN)
    plant(world)
    return world


def first_day(folder: Path, world: World, base_url: str, dsn: str = "") -> list[object]:
    """A run, and two returns that are flagged and confirmed.

    Args:
        folder: For the data directory `data`, and the exports of the shop's other systems.
        world: As `new_world()` made it.
        base_url: Where it is served.
        dsn: Of an empty Postgres database; empty: DuckDB.

    Returns:
        The returns acted on.
    """
    job = _job(folder, world, base_url, dsn)
    pipeline.run(job)
    return _act(job)


def _job(folder: Path, world: World, base_url: str, dsn: str = "") -> Job:
    merchant = {
        "extracts": render(world).write(folder / "exports"),
        "details": {"wanted": ["refunds"], "per_run": 1000},
        "actions": {"enabled": True},
    }
    settings = Settings(
        paths=Paths(folder / "data"),
        api_key=KEY,
        base_url=base_url,
        start_date=BEGIN - timedelta(days=125),
        requests_per_minute=100_000,
        pii_key="a-key-of-the-tests",
        destination="postgres" if dsn else "duckdb",
        dsn=dsn,
    )
    return Job(settings, merchant, world.end, Reporter(quiet=True))


def _act(job: Job) -> list[object]:
    with duckdb.connect(str(job.settings.paths.published), read_only=True) as database:
        worst = [return_id for (return_id,) in database.execute(_WORST).fetchall()]
    wishes = [
        hand_flags.ask({"return_id": one, "action": "flag", "reason": "graded bad"}, "ann", job.present)
        for one in worst
    ]
    pipeline.flag(job, wishes)
    plan = plans.plan(job)
    plans.approve(job, plan.digest, "bob")
    apply.execute(job, plan.digest, "bob", key=KEY)
    return list(worst)
