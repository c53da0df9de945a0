"""The action commands over a real pull, a real ledger and a real shop: who may do what, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from actions.office import Office, settings_at
from conftest import END
from loop_returns.actions.states import State
from loop_returns.errors import (
    ActionRefusedError,
    GuardRefusedError,
    KeyRefusedError,
    UsageError,
)
from loop_returns.job import Job
from loop_returns.ops import apply, desk, plans, verdicts
from loop_returns.terminal import Reporter


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


def test_a_shop_without_a_run_has_nothing_to_do(tmp_path: Path) -> None:
    job = Job(settings_at(tmp_path, "http://127.0.0.1:9/api/v1"), {}, END, Reporter(quiet=True))

    assert plans.plan(job).rows == ()
    assert verdicts.overview(job).actions == []
    desk.before_run(job)
    assert list(tmp_path.iterdir()) == []


def test_a_state_is_never_lost_from_the_list() -> None:
    from loop_returns.ops import text

    found = verdicts.Overview([], {}, "fire")
    assert "kill switch is on: fire" in text.overview_text(found)
    assert set(State) >= {State.PARKED}
