"""What happens to a return after it is made: labels, scans, review, the end.

A life is a list of steps at seconds after creation; the world turns them into events and lets them happen
as its present moves on. Every life made here is healthy at every moment: no label stays unscanned for
12 days, no parcel rests for 10, nothing stays open for two days after delivery, no review lasts three days.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import NamedTuple

from loop_returns.simulator.truth import Event, Kind, Life

HOUR = 3_600
DAY = 24 * HOUR
EXPIRES = 28 * DAY
"""An unscanned label expires. Source: Loop API, Return webhook."""


class Step(NamedTuple):
    """`after` is in seconds since the return was created."""

    after: int
    kind: Kind
    value: str


def between(rng: random.Random, low: float, high: float) -> int:
    """Whole seconds from `low` to `high` hours."""
    return rng.randrange(int(low * HOUR), int(high * HOUR) + 1)


def healthy(rng: random.Random, *, pays_on_delivery: bool, has_review: bool) -> list[Step]:
    """Steps of a return that ends closed and processed, in time order.

    Args:
        rng: Source of chance.
        pays_on_delivery: False lets it close at the first scan, and be delivered later.
        has_review: Whether a person at the shop looks at it first.
    """
    steps: list[Step] = []
    label = 0 if rng.random() < 0.85 else between(rng, 1, 5)
    ready = label
    if has_review:
        start = between(rng, 0.5, 6)
        ready = start + between(rng, 10, 60)
        steps += [Step(start, "state", "review"), Step(ready, "state", "open")]
    steps.append(Step(label, "label", "new"))
    scan = ready + 12 * HOUR + int(8.5 * DAY * rng.random() ** 2)
    if rng.random() < 0.5:
        steps.append(Step(ready + between(rng, 0.2, 11), "label", "pre_transit"))
    arrival = scan + between(rng, 24, 8 * 24)
    steps += _transit(rng, scan, arrival)
    close = arrival + between(rng, 2, 40) if pays_on_delivery else scan + between(rng, 1, 10)
    steps += [Step(close, "state", "closed"), Step(close + between(rng, 2, 8), "processed", "")]
    return sorted(steps)


def _transit(rng: random.Random, scan: int, arrival: int) -> list[Step]:
    steps = [Step(scan, "label", "in_transit")]
    if rng.random() < 0.5:
        steps.append(Step(scan + int((arrival - scan) * rng.uniform(0.2, 0.6)), "label", "in_transit"))
    if rng.random() < 0.7:
        steps.append(Step(scan + int((arrival - scan) * 0.93), "label", "out_for_delivery"))
    return [*steps, Step(arrival, "label", "delivered")]


def cancelled(rng: random.Random) -> list[Step]:
    """The shopper changes their mind within six days; three in ten never had a label."""
    steps = [] if rng.random() < 0.3 else [Step(0, "label", "new")]
    return [*steps, Step(between(rng, 2, 6 * 24), "state", "cancelled")]


def expired(rng: random.Random) -> list[Step]:
    """The label is never used."""
    steps = [Step(0, "label", "new")]
    if rng.random() < 0.4:
        steps.append(Step(between(rng, 1, 30), "label", "pre_transit"))
    return [*steps, Step(EXPIRES, "state", "expired")]


def ordinary(rng: random.Random, life: Life, *, pays_on_delivery: bool) -> list[Step]:
    """Steps of a healthy life of the named kind."""
    if life == "cancelled":
        return cancelled(rng)
    if life == "expired":
        return expired(rng)
    has_review = life == "review" or rng.random() < 0.08
    return healthy(rng, pays_on_delivery=pays_on_delivery, has_review=has_review)


def age_for(rng: random.Random, life: Life, steps: list[Step], days: int) -> int:
    """Seconds before the present at which the return is made, so that it is now in the wanted state."""
    ends = {step.value: step.after for step in steps if step.kind == "state"}
    if life == "open":
        return 1 + int(ends["closed"] * rng.random())
    if life == "review":
        resolved = ends["open"]
        return ends["review"] + int((resolved - ends["review"]) * rng.random())
    over = ends[life] + 2 * HOUR
    return over + int(max(days * DAY - over, HOUR) * rng.random())


def fitted(steps: list[Step], days: int) -> list[Step]:
    """The same life lived faster where the shop is too young for it; never slower."""
    longest = steps[-1].after + 2 * HOUR
    pace = min(1.0, days * DAY * 0.8 / longest)
    return [step._replace(after=int(step.after * pace)) for step in steps] if pace < 1 else steps


def events(rng: random.Random, created_at: datetime, steps: list[Step]) -> list[Event]:
    """The steps as dated events; a quarter of the closings fall on the full hour, as batches do."""
    made: list[Event] = []
    for step in steps:
        at = created_at + timedelta(seconds=step.after)
        if step.value == "closed" and rng.random() < 0.25:
            at = at.replace(minute=0, second=0) + timedelta(hours=1)
        made.append(Event(at, step.kind, step.value))
    return sorted(made)


def pays_on_delivery(outcome: str) -> bool:
    """The shop's policy: cash on delivery, gift cards and new items from the first scan on."""
    return "refund" in outcome
