"""Invented shoppers; each personal value carries a marker that a test can search for in files.

Names begin with `Pii`, e-mails and links contain `pii-`, phones `pii`, comments `pii-comment`.
"""

from __future__ import annotations

import random
from typing import NamedTuple

PII_MARKERS = ("pii-", "PiiName", "+1555pii", "Pii Street", "pii-comment")
"""One of these is in every personal value of a world."""

_FIRST = ("Ada", "Bea", "Cai", "Dov", "Eli", "Fay", "Gus", "Hal", "Ivo", "Jun")
_LAST = ("Reed", "Stone", "Brook", "Vale", "Marsh", "Frost", "Lake", "Field")


class Person(NamedTuple):
    """A shopper, made from one number."""

    number: int

    @property
    def email(self) -> str:
        """An address under a domain that cannot exist."""
        return f"pii-{self.number}@shopper.example"

    @property
    def first_name(self) -> str:
        """Begins with the marker `PiiName`."""
        return f"PiiName{_FIRST[self.number % len(_FIRST)]}"

    @property
    def last_name(self) -> str:
        """Begins with the marker `PiiName`."""
        return f"PiiName{_LAST[self.number % len(_LAST)]}"

    @property
    def full_name(self) -> str:
        """As on a parcel."""
        return f"{self.first_name} {self.last_name}"

    @property
    def phone(self) -> str:
        """Not a number that a telephone would take."""
        return f"+1555pii{self.number:07d}"

    @property
    def street(self) -> str:
        """First line of the address."""
        return f"Pii Street {self.number}"

    def values(self) -> tuple[str, ...]:
        """Every personal value of this shopper."""
        return self.email, self.first_name, self.last_name, self.full_name, self.phone, self.street


class Order(NamedTuple):
    """A shop order that returns are made against."""

    order_id: int
    provider_order_id: int | None
    number: int
    person: Person
    placed_days_before: int

    @property
    def name(self) -> str:
        """As the merchant shows it, with the hash."""
        return f"#{self.number}"


def make_order(rng: random.Random, serial: int) -> Order:
    """Invent an order; `serial` is unique in a world."""
    return Order(
        order_id=31_000_000 + serial * 3,
        provider_order_id=None if rng.random() < 0.01 else 4_804_000_000_000 + serial * 1_017,
        number=10_000 + serial,
        person=Person(int(serial * 0.8) + 1),
        placed_days_before=rng.randrange(3, 45),
    )
