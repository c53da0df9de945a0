"""One merchant's installation with its shop, for tests of what people do: plan, approve, apply, resolve."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import END, KEY
from loop_returns import pipeline
from loop_returns.job import Job
from loop_returns.ops import plans, verdicts
from loop_returns.settings import Paths, Settings
from loop_returns.simulator.app import Simulator, Switches
from loop_returns.simulator.world import build_world
from loop_returns.terminal import Reporter
from loop_returns.warehouse import ops_tables, workfile

ACTION_KEY = "acting-key"
ON = {"enabled": True, "allow": ["flag", "cancel", "process"], "max_share_open": 1, "confirm_seconds": 0}


def settings_at(data: Path, base_url: str) -> Settings:
    return Settings(
        paths=Paths(data),
        api_key=KEY,
        base_url=base_url,
        start_date=END - timedelta(days=190),
        requests_per_minute=100_000,
        patience_seconds=1,
    )


@pytest.fixture(scope="session")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after one load, with two checks that hold; tests work on copies."""
    folder = tmp_path_factory.mktemp("pulled")
    with Simulator(build_world(seed=7, returns=400, days=180, end=END), api_key=KEY) as shop:
        pipeline.load(Job(settings_at(folder, shop.base_url), {}, END, Reporter(quiet=True)))
    with duckdb.connect(str(Paths(folder).work_file)) as database:
        ops_tables.ensure(database)
        database.execute("create schema if not exists marts")
        database.execute(
            "create table marts.data_quality as select unnest(['coverage_hole', 'freshness']) as check_id,"
            f" 'returns' as subject, 'ok' as result, timestamptz '{END.isoformat()}' as as_of"
        )
    workfile.publish(Paths(folder))
    return folder


class Office:
    """One merchant's installation, and the shop that it acts on."""

    def __init__(self, data: Path, shop: Simulator) -> None:
        self.paths = Paths(data)
        self.shop = shop
        self.notes: list[str] = []
        self.limits: dict[str, Any] = {}

    @property
    def job(self) -> Job:
        office = self

        class Listener:
            def note(self, text: str) -> None:
                office.notes.append(text)

            def progress(self, done: int, total: int, text: str) -> None:
                pass

        merchant = {"actions": ON | self.limits, "run": {"lock_wait_seconds": 1}}
        return Job(settings_at(self.paths.data, self.shop.base_url), merchant, END, Listener())

    @property
    def posts(self) -> int:
        return sum(each.method == "POST" for each in self.shop.seen)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.paths.work_file)) as database:
            found = database.execute(statement, values).fetchall()
        workfile.publish(self.paths)
        return found

    def ids(self, count: int = 1) -> list[str]:
        """Open returns in USD whose parcel nobody scanned."""
        return [
            row[0]
            for row in self.sql(
                "select id from loop_raw.returns where state = 'open' and currency = 'USD' and refund > 0"
                " and label_status not in ('in_transit', 'out_for_delivery', 'delivered')"
                " order by id limit ?",
                count,
            )
        ]

    def ask(self, return_id: str, action: str = "flag", **other: Any) -> str:
        fields = {"return_id": return_id, "action": action, "reason": "box was empty", "requested_by": "ann"}
        fields |= {"flagged_item_id": f"{action}-{return_id}", "requested_at": END} | other
        places = ", ".join("?" * len(fields))
        self.sql(f"insert into ops.flagged_items({', '.join(fields)}) values ({places})", *fields.values())
        return str(fields["flagged_item_id"])

    def approve(self, by: str = "bob") -> str:
        digest = plans.plan(self.job).digest
        plans.approve(self.job, digest[:12], by)
        return digest

    def states(self) -> list[str]:
        return sorted(str(action.state) for action in verdicts.overview(self.job).actions)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Another process holds a lock file."""
    code = f"import fasteners, sys; held = fasteners.InterProcessLock({str(lock)!r}); held.acquire();"
    code += "print('held', flush=True); sys.stdin.readline()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield
    finally:
        process.communicate("go\n")


@pytest.fixture
def office(pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    data = tmp_path / "data"
    shutil.copytree(pulled, data)
    monkeypatch.setenv("SOURCES__LOOP_RETURNS__ACTION_API_KEY", ACTION_KEY)
    monkeypatch.setenv("SOURCES__LOOP_RETURNS__API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    world = build_world(seed=7, returns=400, days=180, end=END)
    with Simulator(world, Switches(process_seconds=0), api_key=KEY) as shop:
        shop.action_api_key = ACTION_KEY
        yield Office(data, shop)
