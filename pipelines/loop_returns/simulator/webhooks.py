r"""What Loop would tell by webhook: the events between two looks at the truth, as signed bodies.

world.changed() -> Hooks -> one body per event -> postman.Postman -> each active subscription to it.
Source: Loop API, Webhooks. Bodies are PHP's json_encode: one line, `/` as `\/`, non-ASCII as `\u`; they
hold no time of change, no event id, no number of delivery.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from loop_returns.simulator.details import refunds_of
from loop_returns.simulator.postman import Postman
from loop_returns.simulator.render import Rows
from loop_returns.simulator.shapes import Row, offset_time
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.truth import Return
from loop_returns.simulator.world import World

SHOP_ID = 1
TRIGGERS = {
    "return.created": "return",
    "return.updated": "return",
    "return.closed": "return",
    "label.updated": "label",
    "return.processing.failed": "return.processing",
}
"""Each trigger that is sent, and its topic."""
NOT_IN_A_WEBHOOK = (
    "updated_at",
    "outcome",
    "was_processed",
    "outcomes_processed_at",
    "shopify_refund_object",
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""The only hosts that are delivered to: a simulator talks to nobody else."""


class Event(NamedTuple):
    """Something that Loop tells: one body, for every subscription to the trigger."""

    at: datetime
    trigger: str
    return_id: int
    body: bytes


class _Seen(NamedTuple):
    turns: int
    label: tuple[str, datetime | None]
    edited_at: datetime | None


class Hooks:
    """The webhook subscriptions of the shop, and what is sent to them.

    Args:
        world: The truth; `changed()` is what makes Loop tell.
        secret: What bodies are signed with.

    Attributes:
        subscriptions: As `GET /webhooks` shows them; may be replaced or changed.
        postman: How deliveries travel, and what became of them.
    """

    def __init__(self, world: World, secret: str) -> None:
        self.world = world
        self.subscriptions = [_subscription(1, "return.created"), _subscription(2, "return.updated")]
        self.postman = Postman(secret.encode(), world.seed)
        self._rows = Rows(Switches())
        self._seen: dict[int, _Seen] = {}
        with world.lock:
            self._look()
            world.listeners.append(self.tell)

    def subscribe(self, trigger: str, url: str, *, topic: str = "", status: str = "active") -> Row:
        """Add a subscription; as `POST /webhooks` does."""
        number = max((int(each["id"]) for each in self.subscriptions), default=0) + 1
        made = _subscription(number, trigger, topic or TRIGGERS.get(trigger, "return"), url, status)
        self.subscriptions.append(made)
        return made

    def close(self) -> None:
        """Send nothing more."""
        if self.tell in self.world.listeners:
            self.world.listeners.remove(self.tell)
        self.postman.close()

    def tell(self) -> None:
        """Send what happened since the last look, in the order in which it happened."""
        with self.world.lock:
            events = self._look()
        self.send(sorted(events, key=lambda event: (event.at, event.return_id)))

    def send(self, events: Iterable[Event]) -> None:
        """Send events to the subscriptions that want them."""
        self.postman.post(
            (each, event.trigger, event.return_id, event.body)
            for event in events
            for each in self._wanting(event.trigger)
        )

    def event(
        self, trigger: str, return_id: int, *, state: str | None = None, message: str | None = None
    ) -> Event:
        """An event about a return as it is now, whether or not anything happened to it.

        Args:
            trigger: One of `TRIGGERS`.
            return_id: Of a return of this shop.
            state: A state that it is said to have.
            message: Of `return.processing.failed`.
        """
        with self.world.lock:
            owner = next(each for each in self.world.returns if each.id == return_id)
            return self._event(self.world.end, trigger, owner, state or owner.state, message)

    def past(self, since: datetime) -> list[Event]:
        """What a subscriber to all was told from an instant on, in order; of labels only the last."""
        found: list[Event] = []
        with self.world.lock:
            for owner in self.world.returns:
                label = owner.label_status, owner.label_updated_at
                if owner.is_listed:
                    found += self._events(owner, None, _Seen(len(owner.history), label, owner.edited_at))
        return sorted(
            (each for each in found if each.at >= since), key=lambda each: (each.at, each.return_id)
        )

    def _wanting(self, trigger: str) -> Iterator[Row]:
        for each in self.subscriptions:
            if each["trigger"] == trigger and urlsplit(each["url"]).hostname in LOOPBACK:
                yield each

    def _look(self) -> list[Event]:
        """What is new since the last look; renders only what somebody wants."""
        found: list[Event] = []
        wanted = {trigger for trigger in TRIGGERS if any(self._wanting(trigger))}
        for owner in self.world.returns:
            label = owner.label_status, owner.label_updated_at
            now = _Seen(len(owner.history), label, owner.edited_at)
            before = self._seen.get(owner.id)
            if now != before and wanted and owner.is_listed:
                found += [each for each in self._events(owner, before, now) if each.trigger in wanted]
            self._seen[owner.id] = now
        return found

    def _events(self, owner: Return, before: _Seen | None, now: _Seen) -> Iterator[Event]:
        if before is None:
            yield self._event(owner.created_at, "return.created", owner, "open")
        for at, state in owner.history[before.turns if before else 1 :]:
            yield self._event(at, "return.updated", owner, state)
            if state == "closed":
                yield self._event(at, "return.closed", owner, state)
        if before and owner.edited_at and owner.edited_at != before.edited_at:
            yield self._event(owner.edited_at, "return.updated", owner, owner.state)
        if owner.label_updated_at and now.label != (before.label if before else ("N/A", None)):
            yield self._event(owner.label_updated_at, "label.updated", owner, owner.state)

    def _event(
        self, at: datetime, trigger: str, owner: Return, state: str, message: str | None = None
    ) -> Event:
        named = {"topic": TRIGGERS[trigger], "trigger": trigger, "shop_id": SHOP_ID}
        if trigger == "label.updated":
            body = self._label(owner)
        elif trigger == "return.processing.failed":
            body = {"return_id": owner.id, "return_state": state, "message": message, "source": "api"}
        else:
            body = self._return(owner, state, is_new=trigger == "return.created")
        return Event(at, trigger, owner.id, encoded({**named, **body}))

    def _return(self, owner: Return, state: str, *, is_new: bool) -> Row:
        row = self._rows.row(owner)
        for name in NOT_IN_A_WEBHOOK:
            row.pop(name, None)
        person = owner.order.person
        row |= {
            "state": state,
            "customer_detail": {
                "email": person.email,
                "first_name": person.first_name,
                "middle_name": None,
                "last_name": person.last_name,
            },
            "address": {"name": person.full_name, "address1": person.street, "phone": person.phone},
            "is_gift_return": False,
            "refunds": refunds_of(owner) if state == "closed" else [],
        }
        if is_new:  # labels exist only after the creation
            row |= {"tracking_number": "N/A", "label_status": "pending", "labels": [], "label_url": None}
        return row

    def _label(self, owner: Return) -> Row:
        first = owner.parcels[0] if owner.parcels else None
        return {
            "id": owner.id,
            "order_id": str(owner.order.order_id),
            "provider_order_id": str(owner.order.provider_order_id or ""),
            "carrier": first.carrier if first else "N/A",
            "tracking_number": first.tracking if first else "N/A",
            "label_status": owner.label_status,
            "label_updated_at": offset_time(owner.label_updated_at) if owner.label_updated_at else "N/A",
            "shipment_id": None,
        }


def encoded(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    r"""As PHP's json_encode writes it.

    >>> encoded({"url": "https://a.example/é"})
    b'{"url":"https:\\/\\/a.example\\/\\u00e9"}'
    """
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def _subscription(
    number: int, trigger: str, topic: str = "return", url: str = "", status: str = "active"
) -> Row:
    """Source: Loop API, Webhooks: the secret is not in the object."""
    return {
        "id": number,
        "shop_id": SHOP_ID,
        "topic": topic,
        "trigger": trigger,
        "url": url or f"https://hooks.example/hooks/loop/{trigger.replace('.', '-')}",
        "status": status,
    }
