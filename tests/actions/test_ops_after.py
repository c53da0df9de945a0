"""What comes after an apply: verdicts, interrupted runs, ledgers that are lost, and the mirror."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from actions.office import Office, held
from actions.stores import in_file
from loop_returns.errors import (
    ActionRefusedError,
    DatabaseLockedError,
    GuardRefusedError,
    LoopReturnsError,
    UsageError,
)
from loop_returns.ops import apply, desk, plans, verdicts
from loop_returns.simulator.app import Fault


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


def test_a_ledger_of_another_version_is_refused(office: Office) -> None:
    ledger = in_file(office.paths.ledger)
    ledger.store.database.execute("pragma user_version = 99")
    ledger.close()

    with pytest.raises(LoopReturnsError, match="another version of loop-returns"):
        plans.plan(office.job)
