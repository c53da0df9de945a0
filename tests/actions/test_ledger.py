"""The ledger on each database: one winner for each arrow, one event for each change, limits that hold."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest

from actions.ledgers import NOON, SHOP, approve, approved, entry, request
from actions.stores import Stores, in_file
from loop_returns.actions import audit
from loop_returns.actions.records import Row, action_key
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.sqlite_store import SqliteStore
from loop_returns.actions.states import ARROWS, LIVE, TERMINAL, State
from loop_returns.errors import LoopReturnsError

BROKEN_RULE = (sqlite3.IntegrityError, psycopg2.IntegrityError)


@pytest.fixture
def ledger(stores: Stores) -> Iterator[SqlLedger]:
    ledger = stores.open()
    yield ledger
    ledger.close()


def test_the_file_survives_power_cuts_and_is_private(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ledger.sqlite")

    assert store.rows("pragma journal_mode")[0][0] == "truncate"
    assert store.rows("pragma synchronous")[0][0] == 2
    assert stat.S_IMODE((tmp_path / "ledger.sqlite").stat().st_mode) == 0o600


def test_given_two_runs_when_both_claim_then_one_wins(stores: Stores, ledger: SqlLedger) -> None:
    other = stores.open()
    (action,) = approved(ledger, request())

    first = ledger.claim(action, entry(run="run-1"), lambda used: None)
    second = other.claim(action, entry(run="run-2"), lambda used: None)

    assert first.action is not None
    assert (first.action.state, first.action.attempt, first.action.owner) == (State.INTENT, 1, "run-1")
    assert (second.action, second.held) == (None, None)


def test_given_an_old_version_when_it_is_moved_then_nothing_happens(ledger: SqlLedger) -> None:
    (old,) = approved(ledger, request())
    claimed = ledger.claim(old, entry(), lambda used: None).action
    assert claimed is not None
    again = ledger.move(claimed, State.APPROVED, entry())
    assert again is not None
    events = ledger.head()[0]

    assert ledger.move(old, State.STALE, entry()) is None
    assert ledger.head()[0] == events
    assert ledger.action(old.action_key) == again


def test_there_is_no_way_but_the_arrows(ledger: SqlLedger) -> None:
    (action,) = approved(ledger, request())

    with pytest.raises(ValueError, match="no arrow from APPROVED to CONFIRMED"):
        ledger.move(action, State.CONFIRMED, entry())

    assert all(not ARROWS[state] - {State.APPROVED, State.PLANNED, State.ALREADY} for state in TERMINAL)
    assert all(State.INTENT not in ARROWS[state] for state in State if state != State.APPROVED)
    assert set(ARROWS) == TERMINAL | LIVE


def test_given_a_check_that_holds_when_claimed_then_it_stays_approved(ledger: SqlLedger) -> None:
    (action,) = approved(ledger, request())

    claim = ledger.claim(action, entry(), lambda used: "the limit of 25 is reached")

    assert (claim.action, claim.held) == (None, "the limit of 25 is reached")
    assert ledger.action(action.action_key) == action


def test_the_kill_switch_holds_every_claim(ledger: SqlLedger) -> None:
    (action,) = approved(ledger, request())
    ledger.set_stop("fire", entry("fire"))

    assert ledger.claim(action, entry(), lambda used: None).held == "fire"

    ledger.set_stop(None, entry("over"))
    assert ledger.claim(action, entry(), lambda used: None).action is not None
    assert [event.to_state for event in ledger.events()] == ["APPROVED", "STOPPED", "RUNNING", "INTENT"]


def test_what_was_used_counts_other_actions_of_a_day_and_of_a_run(ledger: SqlLedger) -> None:
    process = [request(str(n), "process", amount=Decimal(n)) for n in (1, 2, 3)]
    one, two, three = approved(ledger, *process)
    ledger.claim(one, entry(at=NOON - timedelta(hours=25)), lambda used: None)
    ledger.claim(two, entry(at=NOON - timedelta(hours=23), run="run-0"), lambda used: None)
    (flag,) = approved(ledger, request("4"))
    ledger.claim(flag, entry(), lambda used: None)
    seen = []

    ledger.claim(three, entry(), lambda used: seen.append(used))

    assert (seen[0].day, seen[0].run) == (2, 1)
    assert (seen[0].day_amount, seen[0].run_amount) == ({"USD": Decimal(2)}, {})


def test_given_a_weaker_action_when_a_hold_is_approved_then_the_hold_wins(ledger: SqlLedger) -> None:
    (process,) = approved(ledger, request("1", "process"))

    assert approve(ledger, request("1", "flag")) == ["APPROVED"]

    beaten = ledger.action(process.action_key)
    assert beaten is not None
    assert beaten.state == State.STALE
    assert list(ledger.events())[1].reason == "flag of the same return wins"


def test_given_a_hold_when_something_weaker_is_approved_then_it_waits(ledger: SqlLedger) -> None:
    approved(ledger, request("1", "flag"))

    assert approve(ledger, request("1", "process")) == ["waits: flag of the same return is APPROVED"]
    assert ledger.action(action_key(SHOP, request("1", "process"))) is None


def test_given_an_ended_action_when_approved_anew_then_only_undone_ones_begin_again(
    ledger: SqlLedger,
) -> None:
    stale, done = approved(ledger, request("1", "process"), request("2", "process"))
    ledger.move(stale, State.STALE, entry())
    ledger.move(done, State.ALREADY, entry())

    assert approve(ledger, request("1", "process"), request("2", "process")) == [
        "APPROVED",
        "is ALREADY already",
    ]


def test_given_an_approval_from_before_the_request_then_it_does_not_count(ledger: SqlLedger) -> None:
    later = request(requested_at=NOON + timedelta(hours=1))
    seen = []
    from loop_returns.actions.ledger import Approval

    row = Row(later, {})
    approval = Approval("d", [row], [action_key(SHOP, later)], "limits")
    ledger.approve(approval, entry(at=NOON), lambda row, people: seen.append(people) or bool(people))

    assert seen == [()]


def test_given_a_changed_event_then_the_chain_is_broken(ledger: SqlLedger) -> None:
    approved(ledger, *(request(str(n)) for n in range(5)))
    assert audit.verify(ledger.epoch, ledger.events()) == 5
    with pytest.raises(BROKEN_RULE, match="append-only"):
        ledger.store.change("update events set reason = 'x' where seq = 3")
    with pytest.raises(BROKEN_RULE, match="append-only"):
        ledger.store.change("delete from events where seq = 5")

    is_file = isinstance(ledger.store, SqliteStore)
    ledger.store.change(f"drop trigger {'events_update' if is_file else 'events_stay on events'}")
    ledger.store.change("update events set reason = 'x' where seq = 3")

    with pytest.raises(LoopReturnsError, match="audit chain is broken") as broken:
        audit.verify(ledger.epoch, ledger.events())
    assert broken.value.cause == "event 3 does not follow the one before it"


def test_the_bucket_is_shared_and_refills(stores: Stores, ledger: SqlLedger) -> None:
    other = stores.open()
    turns = [one.take_turn(NOON, 4) for _ in range(2) for one in (ledger, other)]

    assert turns == [0, 0, 0, 0]
    assert ledger.take_turn(NOON, 4) == pytest.approx(15)
    assert other.take_turn(NOON + timedelta(seconds=15), 4) == 0
    ledger.hold_off(NOON + timedelta(seconds=60))
    assert other.take_turn(NOON + timedelta(seconds=30), 4) == pytest.approx(30)
    assert other.take_turn(NOON + timedelta(seconds=60), 4) == 0


def test_given_a_read_only_file_then_it_says_so(tmp_path: Path) -> None:
    ledger = in_file(tmp_path / "ledger.sqlite")
    (action,) = approved(ledger, request())
    ledger.close()
    read_only = sqlite3.connect(f"file:{tmp_path}/ledger.sqlite?mode=ro", uri=True, isolation_level=None)
    read_only.row_factory = sqlite3.Row
    held = SqlLedger(SqliteStore(tmp_path / "ledger.sqlite", read_only))

    with pytest.raises(LoopReturnsError, match="the action ledger cannot be used"):
        held.claim(action, entry(), lambda used: None)
