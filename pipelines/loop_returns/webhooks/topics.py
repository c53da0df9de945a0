"""Which subscription a name stands for: `return-created-k3v9` is topic `return`, trigger `return.created`.

Source: Loop API, Webhooks: a subscription is one (topic, trigger, url); "created and updated" are two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

TOPICS = {
    "return.created": "return",
    "return.updated": "return",
    "return.closed": "return",
    "label.created": "label",
    "label.updated": "label",
    "restock.requested": "restock",
    "giftcard.requested": "giftcard",
    "label.request.issued": "label.request",
    "label.request.cancelled": "label.request",
    "return.processing.failed": "return.processing",
}
"""Every trigger that a name may begin with, and its topic."""
ADVISED = ("return-created", "return-updated", "label-updated", "return-processing-failed")
PATH = "/hooks/loop/"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One that should be there; `name` ends its URL."""

    name: str
    topic: str
    trigger: str

    def url(self, base: str) -> str:
        """Where Loop delivers, below the address of the receiver."""
        return base.rstrip("/") + PATH + self.name


def subscription(name: str) -> Subscription | None:
    """What a name stands for; None when it begins with no trigger.

    >>> subscription("label-updated-x7")
    Subscription(name='label-updated-x7', topic='label', trigger='label.updated')
    >>> subscription("mine") is None
    True
    """
    for trigger in sorted(TOPICS, key=len, reverse=True):
        slug = trigger.replace(".", "-")
        if name == slug or name.startswith(f"{slug}-"):
            return Subscription(name, TOPICS[trigger], trigger)
    return None


def is_held(wanted: Subscription, held: Mapping[str, object]) -> bool:
    """Whether a subscription of Loop's is this one: topic, trigger, and a URL that ends with its name."""
    path = urlsplit(str(held.get("url") or "")).path
    same = (held.get("topic"), held.get("trigger")) == (wanted.topic, wanted.trigger)
    return same and path.rstrip("/").rpartition("/")[2] == wanted.name


def known(names: Iterable[str]) -> list[Subscription]:
    """What the names stand for, without those that begin with no trigger."""
    return [found for found in map(subscription, names) if found]
