"""Requests and approved actions for the tests of the action module."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from loop_returns.actions.ledger import Approval
from loop_returns.actions.records import Action, Entry, Request, Row, action_key, digest_of
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.states import Kind

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHOP = "shop"
OPEN = {"state": "open"}


def request(return_id: str = "1", action: Kind = "flag", **other: Any) -> Request:
    fields = {
        "flagged_item_id": f"item-{return_id}-{action}",
        "reason": "box was empty",
        "requested_by": "ann",
        "requested_at": NOON - timedelta(hours=1),
        "expected_state": "open",
    }
    if action == "process":
        fields |= {"amount": Decimal("12.50"), "currency": "USD"}
    return Request(return_id=return_id, action=action, **(fields | other))


def entry(reason: str = "because", at: datetime = NOON, *, by: str = "bob", run: str = "run-1") -> Entry:
    return Entry(run, by, at, reason)


def approve(ledger: SqlLedger, *requests: Request, at: datetime = NOON, by: str = "bob") -> list[str]:
    rows = [Row(each, OPEN) for each in requests]
    keys = [action_key(SHOP, each) for each in requests]
    approval = Approval(digest_of([row.digest for row in rows]), rows, keys, "limits")
    return ledger.approve(approval, entry("approved", at, by=by), lambda row, people: True)


def approved(ledger: SqlLedger, *requests: Request, at: datetime = NOON) -> list[Action]:
    assert approve(ledger, *requests, at=at) == ["APPROVED"] * len(requests)
    found = [ledger.action(action_key(SHOP, each)) for each in requests]
    return [action for action in found if action is not None]
