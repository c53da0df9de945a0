"""One more day in the shop: what happens to the returns that are already there."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from loop_returns.simulator.life import HOUR
from loop_returns.simulator.money import settle
from loop_returns.simulator.truth import SCANNED, Event, Return

LATE = timedelta(hours=5)
"""How long before the present that was a row may be dated that commits only now."""


def live(returns: list[Return], rng: random.Random, before: datetime, end: datetime) -> None:
    """Let scripts run, then let chance cancel, review, edit and scan a few returns.

    Args:
        returns: All of them; changed in place.
        rng: Source of chance.
        before: The present that was.
        end: The present that is; nothing is dated after it.
    """
    for each in returns:
        each.live_until(end)
    share = 1 + len(returns) // 2_000
    at_rest = [
        each
        for each in returns
        if each.state == "open" and not each.role and not each.elsewhere and each.updated_at < end
    ]
    rng.shuffle(at_rest)
    for each in [each for each in at_rest if each.updated_at < before - LATE][: share + 1]:
        _scan_late(each, rng, before)
        at_rest.remove(each)
    fresh = [each for each in at_rest if each.first_scan_at is None and not each.was_reviewed]
    _cancel(fresh[:share], rng, before, end)
    _review(fresh[share : 2 * share], rng, before, end)
    _edit([each for each in at_rest if _may_lose_a_line(each)][: share + 1], rng, before, end)


def _moment(rng: random.Random, owner: Return, before: datetime, end: datetime) -> datetime:
    """After the last change and after the present that was, but not after `end`."""
    start = max(owner.updated_at, before)
    return start + timedelta(seconds=rng.randrange(1, max(2, int((end - start).total_seconds()) + 1)))


def _scan_late(owner: Return, rng: random.Random, before: datetime) -> None:
    """A scan that the carrier told late: dated before the present that was, unseen until now."""
    at = before - timedelta(seconds=rng.randrange(HOUR // 2, int(LATE.total_seconds())))
    status = owner.label_status if owner.label_status in SCANNED else "pre_transit"
    if status == "delivered" or not owner.has_label:
        owner.updated_at, owner.revision = at, owner.revision + 1
        return
    owner.apply(Event(at, "label", status))


def _cancel(chosen: list[Return], rng: random.Random, before: datetime, end: datetime) -> None:
    for each in chosen:
        each.script.clear()
        each.apply(Event(_moment(rng, each, before, end), "state", "cancelled"))


def _review(chosen: list[Return], rng: random.Random, before: datetime, end: datetime) -> None:
    """A person looks at it for half a day to two; what was to come comes that much later."""
    for each in chosen:
        at = _moment(rng, each, before, end)
        pause = timedelta(seconds=rng.randrange(12 * HOUR, 48 * HOUR))
        each.apply(Event(at, "state", "review"))
        later = [event._replace(at=event.at + pause) for event in each.script]
        each.script = [Event(at + pause, "state", "open"), *later]
        each.live_until(end)


def _may_lose_a_line(owner: Return) -> bool:
    return owner.state == "open" and len(owner.lines) > 1 and not owner.exchanges


def _edit(chosen: list[Return], rng: random.Random, before: datetime, end: datetime) -> None:
    """The shopper keeps one item after all: its line vanishes, and the amounts follow."""
    for each in chosen:
        if each.state != "open" or each.updated_at >= end:
            continue
        each.lines.pop(rng.randrange(len(each.lines)))
        settle(each, rng)
        each.edited_at = each.updated_at = _moment(rng, each, before, end)
        each.revision += 1
