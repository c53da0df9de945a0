"""What a reading of the return says about a POST without an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actions.ledgers import approved, entry, request
from actions.stores import in_memory
from loop_returns.actions.readback import is_due, verdict
from loop_returns.actions.records import Action
from loop_returns.actions.states import State

PAID = {"state": "open", "was_processed": True, "refunds": [{}], "outcomes_processed_at": {"refund": "x"}}
BEFORE = {"was_processed": True, "refunds": 1, "outcomes_processed": ["refund"]}


@pytest.fixture
def doubted() -> Action:
    ledger = in_memory()
    (action,) = approved(ledger, request("1", "process"))
    claimed = ledger.claim(action, entry(), lambda used: None).action
    assert claimed is not None
    doubted = ledger.move(claimed, State.IN_DOUBT, entry())
    assert doubted is not None
    return doubted


@pytest.mark.parametrize(
    ("details", "marker", "age", "before", "ends"),
    [
        ({"state": "closed"}, None, 1, {}, "CONFIRMED"),
        ({"state": "cancelled"}, None, 1, {}, "CONFLICT"),
        ({"state": "expired"}, None, 1, {}, "CONFLICT"),
        ({"state": "review"}, None, 1, {}, "PARKED"),
        (None, None, 1, {}, "PARKED"),
        ({"state": "open"}, None, 899, {}, None),
        ({"state": "open"}, None, 900, {}, "PARKED"),
        ({"state": "open"}, False, 899, {}, None),
        ({"state": "open"}, False, 900, {}, "APPROVED"),
        ({"state": "open"}, True, 1, {}, "ACCEPTED"),
        (PAID, None, 1, {}, "ACCEPTED"),
        (PAID, None, 1, BEFORE, None),  # a reopened return: the payments are old
        (PAID, None, 1, BEFORE | {"refunds": 0}, "ACCEPTED"),
    ],
)
def test_the_rule_of_doubt(
    doubted: Action, details: Any, marker: bool | None, age: float, before: Any, ends: str | None
) -> None:
    found = verdict(replace(doubted, evidence={"before": before}), details, marker, age, 900)

    assert found.state == ends


def test_the_schedule_of_reading_back(doubted: Action) -> None:
    from datetime import timedelta

    since = doubted.updated_at
    last, read = None, []
    for second in range(8000):
        now = since + timedelta(seconds=second)
        if is_due(since, last, now, 900):
            last = now
            read.append(second)

    assert read == [0, 5, 15, 60, 300, 900, 1800, 3600, 5400, 7200]
