"""Runners that keep no disk: plan on one, approve and apply on others, nothing shared but Postgres."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from actions.office import ACTION_KEY, ON, settings_at
from conftest import END, KEY, Shop
from loop_returns import pipeline
from loop_returns.errors import ActionRefusedError, DatabaseLockedError, GuardRefusedError, UsageError
from loop_returns.job import Job
from loop_returns.ops import apply, desk, plans, verdicts
from loop_returns.simulator.app import Simulator, Switches
from loop_returns.simulator.world import build_world
from loop_returns.terminal import Reporter
from loop_returns.warehouse import ops_tables, publishing
from loop_returns.warehouse.mart_project import transforms_dir
from support.postgres import Server, copy_table, opened


def wanted() -> set[str]:
    """What a publication cannot be without, since its macro and views name it; the checks that can block."""
    said = "".join((transforms_dir() / f"{name}.sql").read_text() for name in ("explain", "compat"))
    return {"marts.data_quality", *re.findall(r"(?:staging|marts)\.\w+", said)} - {"marts.explain"}


@pytest.fixture(scope="module")
def template(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database after one load, its marts empty but for a check that holds; tests work on copies."""
    dsn = postgres_server.database()
    planned = Shop(tmp_path_factory.mktemp("planned"), "")
    planned.plan()
    with Simulator(build_world(seed=7, returns=60, days=90, end=END), api_key=KEY) as shop:
        job = job_of(tmp_path_factory.mktemp("loader"), dsn, shop)
        pipeline.load(job)
    with job.settings.place.opened() as connection:
        ops_tables.ensure(connection)
    with duckdb.connect(str(planned.work_file)) as database, opened(dsn) as cursor:
        cursor.execute("create schema staging; create schema marts")
        for name in sorted(wanted()):
            copy_table(database, cursor, name)
        cursor.execute("truncate marts.data_quality")
        cursor.execute(
            "insert into marts.data_quality(check_id, subject, result, as_of) values"
            " ('coverage_hole', 'returns', 'ok', %s)",
            (END,),
        )
    publishing.publish(job.settings.place, job.settings.paths)
    return dsn.partition("?")[0].rpartition("/")[2]


def job_of(folder: Path, dsn: str, shop: Simulator, **limits: Any) -> Job:
    settings = replace(settings_at(folder, shop.base_url), destination="postgres", dsn=dsn)
    merchant = {"actions": ON | limits, "run": {"lock_wait_seconds": 1}}
    return Job(settings, merchant, END, Reporter(quiet=True))


class House:
    """A database, a shop, and as many new runners as are wanted."""

    def __init__(self, folder: Path, dsn: str, shop: Simulator) -> None:
        self.folder, self.dsn, self.shop = folder, dsn, shop
        self.limits: dict[str, Any] = {}

    def runner(self) -> Job:
        """One that was never used, with an empty disk."""
        folder = self.folder / f"runner{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return job_of(folder, self.dsn, self.shop, **self.limits)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with opened(self.dsn) as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def ask(self, count: int = 1) -> list[str]:
        """Somebody flags open returns, and publishes that."""
        rows = self.sql(
            "insert into ops.flagged_items"
            "(flagged_item_id, return_id, action, reason, requested_by, requested_at)"
            " select 'flag-' || id, id, 'flag', 'box was empty', 'ann', %s from loop_raw.returns"
            " where state = 'open' order by id limit %s returning return_id",
            END,
            count,
        )
        job = self.runner()
        publishing.publish(job.settings.place, job.settings.paths)
        return [row[0] for row in rows]

    @property
    def posts(self) -> int:
        return sum(each.method == "POST" and not each.path.endswith("/note") for each in self.shop.seen)


@pytest.fixture
def house(
    postgres_server: Server, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    monkeypatch.setenv("SOURCES__LOOP_RETURNS__ACTION_API_KEY", ACTION_KEY)
    monkeypatch.setenv("SOURCES__LOOP_RETURNS__API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    dsn = postgres_server.database(template)
    with Simulator(build_world(seed=7, returns=60, days=90, end=END), Switches(), api_key=KEY) as shop:
        shop.action_api_key = ACTION_KEY
        runners = tmp_path / "runners"
        runners.mkdir()
        yield House(runners, dsn, shop)


def test_each_step_on_a_runner_of_its_own(house: House) -> None:
    one, two = house.ask(2)

    digest = plans.plan(house.runner()).digest
    assert plans.approve(house.runner(), digest, "bob").said == ["APPROVED", "APPROVED"]
    done = apply.execute(house.runner(), digest, "bob")

    assert (done.exit_code, house.posts) == (0, 2)
    assert house.shop.actions.effects == {(one, "flag"): 1, (two, "flag"): 1}
    count, head = verdicts.verify_audit(house.runner())
    assert house.sql("select seq, hash from ops.action_events order by seq desc limit 1") == [(count, head)]
    assert house.sql("select distinct state from ops.actions") == [("CONFIRMED",)]
    assert not list(house.folder.glob("**/ledger.sqlite")) + list(house.folder.glob("**/plans"))


def test_another_digest_or_another_return_is_refused(house: House) -> None:
    (one,) = house.ask()
    digest = plans.plan(house.runner()).digest
    other = house.runner()

    with pytest.raises(UsageError, match="no plan has the digest"):
        plans.approve(other, "0123456789abcdef", "bob")
    with pytest.raises(GuardRefusedError, match="not approved"):
        apply.execute(other, digest, "bob")
    house.sql("update ops.flagged_items set reason = 'another' where return_id = %s", one)
    publishing.publish(other.settings.place, other.settings.paths)
    with pytest.raises(ActionRefusedError, match="plan is stale"):
        plans.approve(other, digest, "bob")
    assert house.posts == 0


def test_a_ledger_that_is_lost_or_older_than_its_mirror_is_refused(house: House) -> None:
    house.ask(2)
    before = house.runner()
    digest = plans.plan(before).digest
    plans.approve(before, digest, "bob")
    after = house.runner()

    for lose in (
        "alter table ledger.events disable trigger all; delete from ledger.events where seq > 1",
        "drop schema ledger cascade",
    ):
        house.sql(lose)
        for command in (
            lambda: apply.execute(after, digest, "bob"),
            lambda: plans.plan(after),
            lambda: plans.approve(after, digest, "bob"),
        ):
            with pytest.raises(GuardRefusedError, match="lost, or older than its mirror"):
                command()
    assert house.posts == 0


def test_a_second_apply_on_another_runner_is_refused(house: House) -> None:
    house.ask()
    one, other = house.runner(), house.runner()
    digest = plans.plan(one).digest
    plans.approve(one, digest, "bob")

    with desk.desk(one) as at, at.need.lease() as is_ours:
        assert is_ours
        with pytest.raises(DatabaseLockedError, match="another apply is at work"):
            apply.execute(other, digest, "bob")
    assert house.posts == 0
    assert apply.execute(other, digest, "bob").exit_code == 0
