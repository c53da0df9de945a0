"""What goes through the action module: a request, a planned row, an action of the ledger, an event.

ops.flagged_items -> Request -> Row (with what the return looked like) -> Action -> Event
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import orjson

from loop_returns.actions.states import Kind, State

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A checked row of `ops.flagged_items`: somebody, or a rule, asks for an action.

    Attributes:
        rule_id: None when a person asked.
        amount: Money that the action moves, in `currency`; None when it was not said.
        evidence_hash: Names the facts that it stands on; None for a person's own word.
    """

    flagged_item_id: str
    return_id: str
    action: Kind
    reason: str
    requested_by: str
    requested_at: datetime
    rule_id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    expected_state: str | None = None
    expected_outcome: str | None = None
    evidence_hash: str | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a plan: the request, and what the return looked like when it was planned.

    Attributes:
        seen: The fingerprint of the return, as `readback.fingerprint` makes it.
    """

    request: Request
    seen: Json = field(default_factory=dict)

    @property
    def canonical(self) -> dict[str, Any]:
        """The row as plain text values: what is hashed, stored and sent along."""
        names = Request.__slots__
        return {name: plain(getattr(self.request, name)) for name in names} | {"seen": dict(self.seen)}

    @property
    def digest(self) -> str:
        """Another request, or another return behind it: another digest."""
        return digest_of(self.canonical)

    @classmethod
    def of(cls, canonical: Json) -> Row:
        """Back from `canonical`."""
        fields = {name: value for name, value in canonical.items() if name != "seen"}
        for name in ("requested_at", "valid_until"):
            fields[name] = instant(fields[name])
        fields["amount"] = None if fields["amount"] is None else Decimal(fields["amount"])
        return cls(Request(**fields), dict(canonical["seen"]))


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the ledger.

    Attributes:
        version: Changes so far; part of every compare-and-set.
        attempt: Intents so far.
        tries: Intents since the last approval that were proved not to have been sent.
        approvers: Who approved it.
        answer_at: When Loop's answer, or the lack of one, was written.
        not_before: A retry waits until then.
    """

    action_key: str
    return_id: str
    action: Kind
    state: State
    version: int
    attempt: int
    tries: int
    owner: str | None
    intent_at: datetime | None
    amount: Decimal | None
    currency: str | None
    plan_digest: str
    flagged_item_id: str
    http_status: int | None
    answer_code: str | None
    evidence: Json
    row: Row
    approvers: tuple[str, ...]
    approved_at: datetime
    answer_at: datetime | None
    read_at: datetime | None
    not_before: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """Who changes something, in which run, when and why: what an event says beside the states."""

    run_id: str
    actor: str
    at: datetime
    reason: str
    evidence: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One change, for ever."""

    seq: int
    at: str
    run_id: str
    actor: str
    action_key: str
    from_state: str
    to_state: str
    reason: str
    evidence: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision about a request."""

    flagged_item_id: str
    decision: str
    decided_by: str
    decided_at: datetime
    evidence_hash: str | None
    plan_digest: str | None = None
    note: str | None = None
    until: datetime | None = None


def action_key(shop: str, request: Request) -> str:
    """The idempotency key: `process` and `cancel` once per return, `flag` once per request and its facts.

    Source: actions.md, section 3.1. A rule's request keeps its id when its facts change: they are named, too.
    """
    parts = [shop, request.return_id, request.action]
    if request.action == "flag":
        parts += [request.flagged_item_id, request.evidence_hash or ""]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def digest_of(value: object) -> str:
    """SHA-256 over the one JSON text of a value.

    >>> digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def plain(value: object) -> str | None:
    """A value as text: times in UTC to the microsecond, money without trailing zeros.

    >>> plain(Decimal("12.3400"))
    '12.34'
    """
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return cast("str | None", value)


def stamp(at: datetime) -> str:
    """A time as text that sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def instant(text: str | None) -> datetime | None:
    """Back from `stamp`."""
    return None if text is None else datetime.fromisoformat(text)
