"""The action commands over a real pull, a real ledger and a real shop: who may do what, what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from actions.stores import in_file
from conftest import END, KEY
from loop_returns import pipeline
from loop_returns.actions.states import State
from loop_returns.errors import (
    ActionRefusedError,
    DatabaseLockedError,
    GuardRefusedError,
    KeyRefusedError,
    LoopReturnsError,
    UsageError,
)
from loop_returns.job import Job
from loop_returns.ops import apply, desk, plans, verdicts
from loop_returns.settings import Paths, Settings
from loop_returns.simulator.app import Fault, Simulator, Switches
from loop_returns.simulator.world import build_world
from loop_returns.terminal import Reporter
from loop_returns.warehouse import ops_tables, workfile

ACTION_KEY = "acting-key"
ON = {"enabled": True, "allow": ["flag", "cancel", "process"], "max_share_open": 1, "confirm_seconds": 0}


def _settings(data: Path, base_url: str) -> Settings:
    return Settings(
        paths=Paths(data),
        api_key=KEY,
        base_url=base_url,
        start_date=END - timedelta(days=190),
        requests_per_minute=100_000,
        patience_seconds=1,
    )


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after one load, with two checks that hold; tests work on copies."""
    folder = tmp_path_factory.mktemp("pulled")
    with Simulator(build_world(seed=7, returns=400, days=180, end=END), api_key=KEY) as shop:
        pipeline.load(Job(_settings(folder, shop.base_url), {}, END, Reporter(quiet=True)))
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
        return Job(_settings(self.paths.data, self.shop.base_url), merchant, END, Listener())

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


def test_a_flagged_return_is_planned_approved_applied_confirmed_and_mirrored(office: Office) -> None:
    one, two = office.ids(2)
    office.ask(one)
    office.ask(two, "process", amount=10, currency="USD")
    office.limits = {f"max_amount_per_{span}": {"USD": 1000} for span in ("action", "run", "day")}
    office.limits |= {"confirm_seconds": 20}

    done = apply.execute(office.job, office.approve(), "bob")

    assert done.exit_code == 0
    assert office.states() == ["CONFIRMED", "CONFIRMED"]
    assert office.shop.actions.effects == {(one, "flag"): 1, (two, "process"): 1}
    with duckdb.connect(str(office.paths.published), read_only=True) as database:
        rows = database.execute("select return_id, action, state from ops.actions order by 2").fetchall()
        heads = database.execute("select count(*), max_by(hash, seq) from ops.action_events").fetchall()
        decided = database.execute("select distinct decided_by, decision from ops.decisions").fetchall()
    assert rows == [(one, "flag", "CONFIRMED"), (two, "process", "CONFIRMED")]
    assert decided == [("bob", "approve")]
    assert verdicts.verify_audit(office.job) == heads[0]
    assert heads[0][0] == 8
    assert plans.plan(office.job).rows == ()


def test_the_mirror_may_be_repeated(office: Office) -> None:
    office.ask(office.ids()[0])
    apply.execute(office.job, office.approve(), "bob")
    before = office.sql("select * from ops.action_events order by seq")

    desk.before_run(office.job)
    desk.before_run(office.job)

    assert office.sql("select * from ops.action_events order by seq") == before
    assert office.sql("select count(*) from ops.actions") == [(1,)]


def test_a_rehearsal_sends_nothing_and_never_reads_the_action_key(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.ask(office.ids()[0])
    digest = office.approve()
    monkeypatch.delenv("SOURCES__LOOP_RETURNS__ACTION_API_KEY")
    monkeypatch.setattr("loop_returns.settings.action_key", lambda: pytest.fail("the action key was read"))
    before = office.paths.ledger.read_bytes()

    _, trials, stop = apply.rehearse(office.job, digest)

    assert ([trial.would for trial in trials], stop) == (["send"], None)
    assert office.posts == 0
    assert office.paths.ledger.read_bytes() == before


def test_without_an_action_key_nothing_is_sent(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.ask(office.ids()[0])
    digest = office.approve()
    monkeypatch.delenv("SOURCES__LOOP_RETURNS__ACTION_API_KEY")

    with pytest.raises(KeyRefusedError, match="no action key is set"):
        apply.execute(office.job, digest, "bob")
    assert office.posts == 0


def _hours() -> list[int]:
    """An hour of the day that is not now."""
    hour = (datetime.now(UTC).hour + 6) % 23
    return [hour, hour + 1]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda office: office.limits.update(enabled=False), "disabled"),
        (lambda office: office.limits.update(hours=_hours()), "hours"),
        (lambda office: verdicts.stop(office.job, reason="fire", by="eve"), "kill switch"),
        (
            lambda office: office.sql(
                "update marts.data_quality set result = 'block' where check_id = 'coverage_hole'"
            ),
            "data quality: coverage_hole",
        ),
        (
            lambda office: office.sql("update marts.data_quality set as_of = as_of - interval 3 day"),
            "freshness",
        ),
    ],
)
def test_each_guard_of_a_run_refuses_with_its_own_words(
    office: Office, spoil: Callable[..., Any], says: str
) -> None:
    office.ask(office.ids()[0])
    spoil(office)
    digest = office.approve()

    with pytest.raises(GuardRefusedError, match="a guard refused") as refused:
        apply.execute(office.job, digest, "bob")

    assert says in refused.value.cause
    assert refused.value.exit_code == 8
    assert plans.plan(office.job).blocked == refused.value.cause
    assert office.posts == 0


def test_what_is_not_approved_is_not_applied(office: Office) -> None:
    office.ask(office.ids()[0])
    digest = plans.plan(office.job).digest

    with pytest.raises(GuardRefusedError, match="not approved"):
        apply.execute(office.job, digest, "bob")
    with pytest.raises(UsageError, match="no digest"):
        apply.execute(office.job, "*", "bob")
    with pytest.raises(UsageError, match="no plan has the digest"):
        plans.approve(office.job, "0123456789abcdef", "bob")


def test_a_plan_under_other_limits_is_stale(office: Office) -> None:
    office.ask(office.ids()[0])
    digest = office.approve()
    office.limits["max_per_run"] = 24

    with pytest.raises(ActionRefusedError, match="plan is stale"):
        apply.execute(office.job, digest, "bob")
    with pytest.raises(ActionRefusedError, match="plan is stale"):
        plans.approve(office.job, digest, "bob")
    assert office.posts == 0


def test_a_plan_whose_rows_changed_cannot_be_approved(office: Office) -> None:
    one = office.ids()[0]
    item = office.ask(one)
    digest = plans.plan(office.job).digest
    office.sql("update ops.flagged_items set reason = 'another' where flagged_item_id = ?", item)

    with pytest.raises(ActionRefusedError, match="plan is stale: 1 of 1 rows") as stale:
        plans.approve(office.job, digest, "bob")
    assert one in stale.value.cause


def test_a_row_that_changed_after_the_approval_is_stale_and_the_others_go_on(office: Office) -> None:
    one, two, three = office.ids(3)
    item, _, _ = office.ask(one), office.ask(two), office.ask(three)
    digest = office.approve()
    office.sql("update ops.flagged_items set status = 'withdrawn' where flagged_item_id = ?", item)
    office.sql("update loop_raw.returns set refund = refund + 1 where id = ?", two)

    done = apply.execute(office.job, digest, "bob")

    assert office.states() == ["CONFIRMED", "STALE", "STALE"]
    assert done.exit_code == 9
    assert office.shop.actions.effects == {(three, "flag"): 1}


def test_a_hold_that_is_asked_for_after_the_approval_holds_the_process(office: Office) -> None:
    one = office.ids()[0]
    office.ask(one, "process", amount=10, currency="USD")
    office.limits = {f"max_amount_per_{span}": {"USD": 1000} for span in ("action", "run", "day")}
    digest = office.approve()
    office.ask(one, "flag")

    done = apply.execute(office.job, digest, "bob")

    assert list(done.report.held.values()) == ["hold wins: flag of the same return is asked for, too"]
    assert (done.exit_code, office.posts, office.states()) == (8, 0, ["APPROVED"])


def test_who_asked_cannot_be_the_only_one_to_approve(office: Office) -> None:
    office.ask(office.ids()[0], "cancel")
    digest = plans.plan(office.job).digest

    assert plans.approve(office.job, digest, "ann").said == ["PLANNED"]
    done = apply.execute(office.job, digest, "bob")
    assert (done.exit_code, office.posts) == (8, 0)
    assert plans.approve(office.job, digest, "bob").said == ["APPROVED"]
    assert apply.execute(office.job, digest, "bob").exit_code == 0
    assert office.states() == ["CONFIRMED"]


def test_a_parked_action_is_resolved_by_a_second_person(office: Office) -> None:
    office.ask(office.ids()[0], "process", amount=10, currency="USD")
    office.limits = {f"max_amount_per_{span}": {"USD": 1000} for span in ("action", "run", "day")}
    digest = office.approve()
    office.shop.actions.next_faults = [Fault("partial")]
    office.limits |= {"confirm_seconds": 10}
    with pytest.raises(ActionRefusedError, match="plan is stale"):
        apply.execute(office.job, digest, "bob")
    digest = office.approve()
    done = apply.execute(office.job, digest, "bob")
    assert (done.exit_code, office.states()) == (7, ["PARKED"])
    key = done.actions[0].action_key[:12]

    with pytest.raises(GuardRefusedError, match="a second person"):
        verdicts.resolve(office.job, key, applied=True, reason="seen", by="bob")
    with pytest.raises(UsageError, match="no parked action"):
        verdicts.resolve(office.job, "abc", applied=True, reason="seen", by="eve")
    with pytest.raises(UsageError, match="a reason is needed"):
        verdicts.resolve(office.job, key, applied=True, reason=" ", by="eve")
    verdicts.resolve(office.job, key, applied=True, reason="refund in the timeline", by="eve")

    assert office.states() == ["CONFIRMED"]


def test_a_released_request_is_not_planned_again(office: Office) -> None:
    item = office.ask(office.ids()[0], evidence_hash="facts")

    verdicts.release(office.job, item, reason="customer was right", by="eve")

    assert [one.guard for one in plans.plan(office.job).held] == ["released"]
    assert office.sql("select decision, decided_by, note, evidence_hash from ops.decisions") == [
        ("reject", "eve", "customer was right", "facts")
    ]
    office.sql("update ops.flagged_items set evidence_hash = 'other facts'")
    assert len(plans.plan(office.job).rows) == 1
    with pytest.raises(UsageError, match="no open request"):
        verdicts.release(office.job, "nobody", reason="x", by="eve")


@pytest.mark.parametrize("loss", ["deleted", "older"])
def test_a_ledger_that_is_lost_or_older_than_its_mirror_is_refused(office: Office, loss: str) -> None:
    one, two = office.ids(2)
    office.ask(one)
    digest = office.approve()
    old = office.paths.ledger.read_bytes()
    apply.execute(office.job, digest, "bob")
    office.ask(two)
    posts = office.posts
    if loss == "deleted":
        office.paths.ledger.unlink()
    else:
        office.paths.ledger.write_bytes(old)

    for command in (
        lambda: apply.execute(office.job, digest, "bob"),
        lambda: apply.rehearse(office.job, digest),
        lambda: plans.plan(office.job),
        lambda: plans.approve(office.job, digest, "bob"),
        lambda: verdicts.release(office.job, "x", reason="x", by="x"),
    ):
        with pytest.raises(GuardRefusedError, match="lost, or older than its mirror"):
            command()
    assert office.posts == posts
    desk.before_run(office.job)
    assert "actions are left alone" in office.notes[-1]


def test_a_new_ledger_beside_a_mirror_is_refused(office: Office) -> None:
    office.ask(office.ids()[0])
    office.approve()
    office.paths.ledger.unlink()
    in_file(office.paths.ledger).close()

    with pytest.raises(GuardRefusedError, match="lost, or older"):
        plans.plan(office.job)


def test_a_second_apply_while_one_runs_is_refused(office: Office) -> None:
    office.ask(office.ids()[0])
    digest = office.approve()

    refused = pytest.raises(DatabaseLockedError, match="another apply is at work")
    with held(office.paths.data / "apply.lock"), refused:
        apply.execute(office.job, digest, "bob")
    assert office.posts == 0


def test_an_interrupted_apply_heals_by_itself(office: Office) -> None:
    """Loop did it, and the run died before it could write that down."""
    from actions.ledgers import entry

    one = office.ids()[0]
    office.ask(one)
    office.approve()
    ledger = in_file(office.paths.ledger)
    (action,) = ledger.actions()
    ledger.claim(action, replace(entry(), at=datetime.now(UTC) - timedelta(minutes=2)), lambda used: None)
    ledger.close()
    next(each for each in office.shop.world.returns if str(each.id) == one).state = "review"

    desk.before_run(office.job)

    assert office.states() == ["CONFIRMED"]
    assert office.sql("select state from ops.actions") == [("CONFIRMED",)]


def test_a_loop_that_does_not_answer_stops_neither_run_nor_plan(office: Office) -> None:
    from actions.ledgers import entry

    office.ask(office.ids()[0])
    office.approve()
    ledger = in_file(office.paths.ledger)
    (action,) = ledger.actions()
    ledger.claim(action, replace(entry(), at=datetime.now(UTC) - timedelta(minutes=2)), lambda used: None)
    ledger.close()
    office.shop.fail_when = lambda seen: 503

    plans.plan(office.job)

    assert "could be read back" in " ".join(office.notes)
    assert office.states() == ["IN_DOUBT"]


def test_a_mirror_that_must_wait_does_not_lose_what_was_done(office: Office) -> None:
    office.ask(office.ids()[0])
    digest = office.approve()
    with held(office.paths.work / "run.lock"):
        done = apply.execute(office.job, digest, "bob")
    assert (done.exit_code, office.states()) == (0, ["CONFIRMED"])
    assert "brought up to date by the next command" in office.notes[-1]
    assert office.sql("select state from ops.actions") == [("APPROVED",)]

    desk.before_run(office.job)
    assert office.sql("select state from ops.actions") == [("CONFIRMED",)]


def test_a_shop_without_a_run_has_nothing_to_do(tmp_path: Path) -> None:
    job = Job(_settings(tmp_path, "http://127.0.0.1:9/api/v1"), {}, END, Reporter(quiet=True))

    assert plans.plan(job).rows == ()
    assert verdicts.overview(job).actions == []
    desk.before_run(job)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_of_another_version_is_refused(office: Office) -> None:
    ledger = in_file(office.paths.ledger)
    ledger.store.database.execute("pragma user_version = 99")
    ledger.close()

    with pytest.raises(LoopReturnsError, match="another version of loop-returns"):
        plans.plan(office.job)


def test_a_state_is_never_lost_from_the_list() -> None:
    from loop_returns.ops import text

    found = verdicts.Overview([], {}, "fire")
    assert "kill switch is on: fire" in text.overview_text(found)
    assert set(State) >= {State.PARKED}
