"""The tables `loop_raw.webhook_events` and `webhook_counters`: the inbox, without what is personal.

webhooks.drain -> WebhookEvents.load  -> policy for personal data -> Arrow -> source.Target.load_events
                  WebhookEvents.count -> Arrow -> source.Target.load_counters
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import pyarrow as pa

from loop_returns.api import fields
from loop_returns.extract.columns import ARROW
from loop_returns.extract.pii import PiiPolicy

if TYPE_CHECKING:
    from loop_returns.extract.source import Target

_TABLE = "webhook_events"
_AS_THEY_ARE = (
    *("dedup_key", "seq", "subscription", "topic", "trigger", "return_id", "deliveries"),
    *("body_sha256", "parse_error", "secret_no", "signature_variant"),
)
_WORD_MARKS = str.maketrans("", "", "_ ")  # as in "needs review"
_STATES = ("state", "return_state")
"""The state is called so in the topic `return`, and so in `return.processing`."""


class Event(Protocol):
    """A delivery, as `webhooks.inbox.InboxEvent` has it."""

    @property
    def body(self) -> bytes:
        """As received."""

    @property
    def received_at(self) -> str:
        """ISO 8601, UTC."""

    @property
    def last_seen_at(self) -> str | None:
        """ISO 8601, UTC."""


class Counter(Protocol):
    """How often something happened on a day, as `webhooks.inbox.Counter` has it."""

    @property
    def day(self) -> str:
        """ISO 8601, UTC."""

    @property
    def subscription(self) -> str:
        """Empty where none is meant."""

    @property
    def name(self) -> str:
        """What happened."""

    @property
    def value(self) -> int:
        """How often so far."""


class WebhookEvents:
    """The tables in the destination; they exist (`Target.prepare`)."""

    def __init__(self, target: Target, policy: PiiPolicy) -> None:
        self._target = target
        self._policy = policy

    def position(self, inbox_id: str) -> tuple[int, str]:
        """How far the table is with an inbox: highest seq, and the latest instant at which something came."""
        client = self._target.client
        found = client.execute_sql(
            "select max(seq), max(coalesce(last_seen_at, received_at)) from "
            + client.make_qualified_table_name(_TABLE)
            + " where inbox_id = %s",
            inbox_id,
        )
        seq, seen = (found or [(None, None)])[0]
        if seq is None:
            return 0, ""
        at = seen.astimezone(UTC) if seen.tzinfo else seen.replace(tzinfo=UTC)
        return int(seq), at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def load(self, inbox_id: str, events: Sequence[Event]) -> None:
        """Put deliveries into the table, all or none, each in the place of what was there of it."""
        self._target.load_events(rows(inbox_id, events, self._policy, datetime.now(UTC)))

    def count(self, inbox_id: str, counters: Sequence[Counter]) -> None:
        """Put what the receiver counted into the table, each in the place of what was there of it."""
        if counters:
            self._target.load_counters(counts(inbox_id, counters, datetime.now(UTC)))


def counts(inbox_id: str, counters: Sequence[Counter], drained_at: datetime) -> pa.Table:
    """Counters of an inbox as rows of their table."""
    held = [
        {
            "counter_key": "/".join((inbox_id, each.day, each.subscription, each.name)),
            "inbox_id": inbox_id,
            "day": each.day,
            "subscription": each.subscription,
            "name": each.name,
            "value": each.value,
            "drained_at": drained_at,
        }
        for each in counters
    ]
    columns = fields.WEBHOOK_COUNTER_COLUMNS.items()
    return pa.table({name: pa.array([row[name] for row in held], ARROW[of.type]) for name, of in columns})


def rows(inbox_id: str, events: Sequence[Event], policy: PiiPolicy, drained_at: datetime) -> pa.Table:
    """Deliveries as rows of the table; the policy holds before anything is written."""
    held: dict[str, list[object]] = {name: [] for name in fields.WEBHOOK_EVENT_COLUMNS}
    for event in events:
        for name, value in _row(event, policy).items():
            held[name].append(value)
    held["inbox_id"] = [inbox_id] * len(events)
    held["drained_at"] = [drained_at] * len(events)
    types = {name: ARROW[column.type] for name, column in fields.WEBHOOK_EVENT_COLUMNS.items()}
    return pa.table({name: pa.array(values, types[name]) for name, values in held.items()})


def _row(event: Event, policy: PiiPolicy) -> dict[str, object]:
    body = _object(event.body)
    row: dict[str, object] = {name: getattr(event, name) for name in _AS_THEY_ARE}
    return row | {
        "state": next((_text(body[name]) for name in _STATES if name in body), None),
        "label_status": _text(body.get("label_status")),
        "customer": _email(body.get("customer"), policy),
        "received_at": datetime.fromisoformat(event.received_at),
        "last_seen_at": datetime.fromisoformat(event.last_seen_at) if event.last_seen_at else None,
        "body": orjson.dumps(policy.scrub(body)).decode() if body else None,
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    """A word of Loop's; anything else stays in the body alone."""
    is_word = isinstance(value, str) and len(value) <= 40 and value.translate(_WORD_MARKS).isalnum()
    return value if is_word and isinstance(value, str) else None


def _email(value: object, policy: PiiPolicy) -> str | None:
    if not isinstance(value, str) or policy.leaves_out("email"):
        return None
    return policy.value("email", value)
