"""Webhooks about a `process`: they cause a look at the return, and are evidence where it says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actions.office import Office
from loop_returns.actions import readback
from loop_returns.actions.readback import CLOSED, FAILED, Told
from loop_returns.actions.states import State
from loop_returns.ops import apply, desk, verdicts
from loop_returns.simulator.app import Fault


def _say(office: Office, trigger: str, return_id: str, at: datetime) -> None:
    office.sql(
        "insert into loop_raw.webhook_events (dedup_key, trigger, return_id, received_at, _dlt_load_id)"
        " values (?, ?, ?, ?, '')",
        *(f"{trigger}{at}", trigger, return_id, at),
    )


def _process(office: Office, fault: Fault) -> str:
    """Apply one `process` with a fault, and leave it mirrored."""
    amounts = {f"max_amount_per_{span}": {"USD": 1000} for span in ("action", "run", "day")}
    office.limits = amounts | {"canary_seconds": 1, "confirm_seconds": 1}
    office.shop.actions.next_faults = [fault]
    return_id = office.ids()[0]
    office.ask(return_id, "process", amount=1, currency="USD")
    apply.execute(office.job, office.approve(), "bob")
    return return_id


def _read_back(office: Office) -> None:
    with desk.desk(office.job) as at:
        desk.confirm(at)


@pytest.mark.parametrize(("minutes", "ends"), [(1, ["PARKED"]), (-60, ["ACCEPTED"])])
def test_a_failure_that_loop_tells_parks_what_it_is_about(
    office: Office, minutes: int, ends: list[str]
) -> None:
    return_id = _process(office, Fault("fails"))
    assert office.states() == ["ACCEPTED"]
    _say(office, FAILED, return_id, datetime.now(UTC) + timedelta(minutes=minutes))

    _read_back(office)

    assert office.states() == ends
    assert office.posts == 1


def test_a_closing_that_loop_tells_is_looked_at_out_of_turn(office: Office) -> None:
    return_id = _process(office, Fault("late_effect", seconds=0.5))
    with desk.desk(office.job) as at:
        (action,) = at.need.actions()
    reads = len([each for each in office.shop.seen if each.method == "GET"])
    _say(office, CLOSED, return_id, datetime.now(UTC) + timedelta(minutes=1))

    _read_back(office)

    assert action.state in (State.ACCEPTED, State.IN_DOUBT)
    assert len([each for each in office.shop.seen if each.method == "GET"]) > reads
    assert verdicts.overview(office.job).actions[0].state != State.PARKED


@pytest.mark.parametrize(
    ("state", "trigger", "to"),
    [
        ("open", CLOSED, State.ACCEPTED),
        ("open", FAILED, State.PARKED),
        ("closed", FAILED, State.CONFIRMED),
        ("review", CLOSED, State.PARKED),
    ],
)
def test_what_the_return_says_counts_for_more_than_what_was_told(
    office: Office, state: str, trigger: str, to: State
) -> None:
    _process(office, Fault("late_effect", seconds=1000))
    with desk.desk(office.job) as at:
        (action,) = at.need.actions()
    details: dict[str, Any] = {"state": state}

    found = readback.verdict(action, details, None, 1000.0, 900.0, Told(trigger, datetime.now(UTC)))

    assert (action.state, found.state) == (State.IN_DOUBT, to)
