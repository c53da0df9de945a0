"""How a case is told: what the return must be like, its life, what Loop and the others say of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from loop_returns.simulator.birth import Wish
from loop_returns.simulator.elsewhere.shopify import Sheets
from loop_returns.simulator.truth import Kind, Return

Life = tuple[tuple[float, Kind, str], ...]
"""(days before the present, kind, value); the first is also when the return is made."""


class Case(NamedTuple):
    """The present, the place of the return among those of its case, from 0, the returns of its order."""

    end: datetime
    place: int
    siblings: list[Return]

    def ago(self, days: float) -> datetime:
        """An instant before the present."""
        return self.end - timedelta(days=days)


Shape = Callable[[random.Random, Return, list[Return]], None]
"""What is special about it in Loop; the list holds the returns of the same case that were made before."""
Bend = Callable[[Return, Sheets, Case], None]
"""What is special about it elsewhere."""


def as_it_is(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """Nothing is special about it in Loop."""


def agreeing(owner: Return, facts: Sheets, case: Case) -> None:
    """Everything agrees."""


@dataclass(frozen=True, slots=True)
class Told:
    """One case. `subject` names the row that shows it: the return's id, unless no return is to blame."""

    life: Life
    wish: Wish
    bend: Bend = agreeing
    shape: Shape = as_it_is
    subject: Callable[[Return], str] = lambda owner: str(owner.id)


USD = ("USD", "EUR")
CASH = Wish(outcomes=("refund",), currencies=USD)
DOLLARS = replace(CASH, currencies=("USD",))
CASH_OF_TWO = replace(CASH, least_lines=2)
SWAP = Wish(outcomes=("exchange",), currencies=USD)
CREDIT = Wish(outcomes=("credit",), currencies=USD)
UPSELL = Wish(outcomes=("upsell",), currencies=USD)

CLOSED: Life = (
    (45, "label", "new"),
    (42, "label", "in_transit"),
    (38, "label", "delivered"),
    (37, "state", "closed"),
    (36.8, "processed", ""),
)
JUST_CLOSED: Life = (
    (6, "label", "new"),
    (4, "label", "in_transit"),
    (1, "label", "delivered"),
    (0.04, "state", "closed"),
)
ON_THE_WAY: Life = ((5, "label", "new"), (2, "label", "in_transit"))
ARRIVED: Life = ((12, "label", "new"), (9, "label", "in_transit"), (8, "label", "delivered"))
JUST_ARRIVED: Life = ((4, "label", "new"), (2, "label", "in_transit"), (0.5, "label", "delivered"))
CANCELLED: Life = ((12, "label", "new"), (9, "label", "in_transit"), (8, "state", "cancelled"))
UNSCANNED: Life = ((40, "label", "new"), (39.9, "state", "closed"), (39.8, "processed", ""))
UNUSED: Life = ((70, "label", "new"), (42, "state", "expired"))


def without(*names: str) -> Bend:
    """The others know nothing of it."""

    def bend(owner: Return, facts: Sheets, case: Case) -> None:
        for name in names:
            facts.pop(name, None)

    return bend


def says(name: str, **values: str) -> Bend:
    """The first row of an extract says something else."""

    def bend(owner: Return, facts: Sheets, case: Case) -> None:
        facts[name][0].update(values)

    return bend


def off(name: str, **by: str) -> Bend:
    """Amounts or counts of the first row differ by so much."""

    def bend(owner: Return, facts: Sheets, case: Case) -> None:
        row = facts[name][0]
        row.update({column: str(Decimal(row[column]) + Decimal(each)) for column, each in by.items()})

    return bend


def again(name: str, **values: str) -> Bend:
    """The first row stands there a second time, under another id."""

    def bend(owner: Return, facts: Sheets, case: Case) -> None:
        facts[name].append(facts[name][0] | values)

    return bend


def same_order(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """The second return of a case is made on the order of the first."""
    if before:
        owner.order, owner.currency = before[0].order, before[0].currency
