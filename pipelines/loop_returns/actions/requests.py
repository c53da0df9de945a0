"""Rows of `ops.flagged_items` as checked requests: whoever can write there can ask for money.

A row that cannot be a request is held back with its reason; the others go on. Source: actions.md, section 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from loop_returns.actions.records import Request
from loop_returns.actions.states import KINDS, Kind

_LONGEST = {"flagged_item_id": 200, "reason": 1000, "requested_by": 200, "rule_id": 100, "evidence_hash": 200}


@dataclass(frozen=True, slots=True)
class Held:
    """A request that is not in the plan, and why: `guard` in a word or two, `reason` in a sentence."""

    flagged_item_id: str
    return_id: str
    action: str
    guard: str
    reason: str


def request_of(row: Mapping[str, Any]) -> Request | Held:
    """Check one row.

    >>> row = {"flagged_item_id": "a", "return_id": "1", "action": "refund"}
    >>> request_of(row).reason
    "the action is 'refund', not one of flag, cancel, process"
    """
    if wrong := _wrong(row):
        item, return_id, action = (
            printable(str(row.get(name)))[:60] for name in ("flagged_item_id", "return_id", "action")
        )
        return Held(item, return_id, action, "bad row", wrong)
    texts = {name: _text(row.get(name)) for name in _LONGEST}
    return Request(
        flagged_item_id=texts["flagged_item_id"] or "",
        return_id=str(row["return_id"]),
        action=cast("Kind", row["action"]),
        reason=texts["reason"] or "",
        requested_by=texts["requested_by"] or "",
        requested_at=row["requested_at"],
        rule_id=texts["rule_id"],
        amount=row.get("amount"),
        currency=row.get("currency"),
        expected_state=row.get("expected_state"),
        expected_outcome=row.get("expected_outcome"),
        evidence_hash=texts["evidence_hash"],
        valid_until=row.get("valid_until"),
    )


def _wrong(row: Mapping[str, Any]) -> str | None:
    return_id, action = row.get("return_id"), row.get("action")
    if (
        not isinstance(return_id, str)
        or not (return_id.isascii() and return_id.isdigit())
        or len(return_id) > 18
    ):
        return f"the return is {printable(str(return_id))[:40]!r}, not a number"
    if action not in KINDS:
        return f"the action is {printable(str(action))[:40]!r}, not one of {', '.join(KINDS)}"
    for name, longest in _LONGEST.items():
        text = row.get(name)
        if name in ("flagged_item_id", "reason", "requested_by") and not (text and _text(text)):
            return f"{name} is empty"
        if text is not None and (len(text) > longest or _text(text) != printable(_text(text) or "")):
            return f"{name} is longer than {longest} characters, or holds characters that cannot be shown"
    return _wrong_value(row)


def _wrong_value(row: Mapping[str, Any]) -> str | None:
    amount, currency = row.get("amount"), row.get("currency")
    if amount is not None and (not isinstance(amount, Decimal) or amount < 0):
        return "the amount is below zero"
    if currency is not None and not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        return f"the currency is {printable(currency)[:10]!r}, not a code such as USD"
    for name in ("expected_state", "expected_outcome"):
        text = row.get(name)
        if text is not None and (len(text) > 60 or text != printable(text)):
            return f"{name} is no state or outcome"
    return None if isinstance(row.get("requested_at"), datetime) else "requested_at is not a time"


def _text(text: str | None) -> str | None:
    """White space of any kind is one blank."""
    return " ".join(text.split()) if text is not None else None


def printable(text: str) -> str:
    """Without what could move a cursor, change a colour or turn the direction of writing.

    >>> printable("a" + chr(27) + "[2Jb" + chr(0x202E))
    'a[2Jb'
    """
    return "".join(char for char in text if char.isprintable())
