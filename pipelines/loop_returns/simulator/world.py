"""A seeded shop with a hidden truth: returns that were made, shipped, received, paid, and lives on.

build_world() -> World -> render.py makes API rows of it -> listing.py and notices.py answer -> app.py.
The shop's present is `World.end`; nothing is dated after it, but for planted future dates.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any

from loop_returns.simulator import advance, life
from loop_returns.simulator.birth import Serials, make_return
from loop_returns.simulator.drafts import born_all, draft_all
from loop_returns.simulator.life import pays_on_delivery
from loop_returns.simulator.people import PII_MARKERS
from loop_returns.simulator.planted import LATE_NOTICE, keys_of
from loop_returns.simulator.shapes import links
from loop_returns.simulator.truth import Life, Return

__all__ = ["PII_MARKERS", "World", "build_world"]


class World:
    """The truth, and what the API may show of it.

    Attributes:
        end: The shop's present, aware UTC, whole second.
        returns: Every return, oldest first in the order they were made.
        planted: "<mart>.<class>" -> sorted return ids (for `recon_endpoint.asn_orphan` line ids).
        version: Rises with every change; answers computed for another version are stale.
        lock: Held while the truth changes or is read for an answer.
        listeners: Called after each change.
    """

    def __init__(self, *, seed: int, end: datetime, pace: float, is_clean: bool, serials: Serials) -> None:
        self.seed = seed
        self.end = end
        self.pace = pace
        self.is_clean = is_clean
        self.serials = serials
        self.returns: list[Return] = []
        self.planted: dict[str, list[str]] = {}
        self.version = 0
        self.lock = RLock()
        self.listeners: list[Callable[[], None]] = []
        self._indexes: dict[str, tuple[list[datetime], list[Return]]] = {}

    def advance(self, days: float = 1) -> None:
        """Let the shop live on; the same calls always give the same shop.

        New returns appear (some with a `created_at` before the present that was), states move, labels are
        scanned, lines vanish from edited returns. `updated_at` of everything touched moves.
        """
        with self.lock:
            before = self.end
            rng = random.Random(f"{self.seed}/{before.isoformat()}/{self.version}")
            self.end = before + timedelta(seconds=round(days * life.DAY))
            advance.live(self.returns, rng, before, self.end)
            self.returns += self._newborns(rng, before)
            self.changed()

    def expected(self, *, asn_id: str = "return") -> dict[str, Any]:
        """What complete tables hold now, over all states, as text.

        Args:
            asn_id: Meaning of a notice's `id`, as in `Switches.asn_id`.

        Returns:
            `returns`: {id: (state, updated_at, ISO with offset)}; `line_items`: {(return_id, line_item_id)};
            `exchanges`: {(return_id, exchange_id)}; `labels`: {(return_id, position from 0)};
            `asn`: {(id, return_line_item_id)}.
        """
        with self.lock:
            shown = [each for each in self.returns if each.is_listed]
            return {
                "returns": {str(r.id): (r.state, r.updated_at.isoformat()) for r in shown},
                "line_items": {(str(r.id), str(line.line_item_id)) for r in shown for line in r.lines},
                "exchanges": {(str(r.id), str(item.exchange_id)) for r in shown for item in r.exchanges},
                "labels": {(str(r.id), str(n)) for r in shown if r.has_label for n in range(len(r.parcels))},
                "asn": {
                    (str(notice if asn_id == "row" else r.id), str(line))
                    for r in self.returns
                    for notice, line in notices_of(r, self.end)
                },
            }

    def within(self, name: str, since: datetime, until: datetime, bounds: str) -> list[Return]:
        """The returns whose timestamp lies in a window, oldest first.

        Args:
            name: `created_at` or `updated_at`.
            since: Aware UTC.
            until: Aware UTC.
            bounds: Which of the two belong to the window: `both`, `from`, `to`, `none`.
        """
        if name not in self._indexes:
            ordered = sorted(self.returns, key=lambda each: (at_of(each, name), each.id))
            self._indexes[name] = [at_of(each, name) for each in ordered], ordered
        times, ordered = self._indexes[name]
        start = (bisect_left if bounds in ("both", "from") else bisect_right)(times, since)
        stop = (bisect_right if bounds in ("both", "to") else bisect_left)(times, until)
        return ordered[start:stop]

    def personal_values(self) -> set[str]:
        """Every invented personal value that any endpoint may show."""
        with self.lock:
            values = {value for each in self.returns for value in each.order.person.values()}
            values |= {link for each in self.returns for link in links(each)}
            comments = {line.comment for each in self.returns for line in each.lines}
            return values | {comment for comment in comments if comment}

    def _newborns(self, rng: random.Random, before: datetime) -> list[Return]:
        days = (self.end - before).total_seconds() / life.DAY
        count = max(6, round(self.pace * days))
        made = []
        for number in range(count):
            late = number % 6 == 0
            low, high = (before - timedelta(hours=5), before) if late else (before, self.end)
            seconds = int((high - low).total_seconds())
            created = low + timedelta(seconds=rng.randrange(1, max(2, seconds)))
            fate: Life = rng.choice(("open",) * 8 + ("cancelled", "review"))
            made.append(self._newborn(rng, created, fate))
            if self.is_clean:
                settle_stock(made[-1:])
            if number % 4 == 1 and not self.is_clean:
                made[-1].role = "recon_endpoint.timing"
                made[-1].asn_from = created + LATE_NOTICE
        return made

    def _newborn(self, rng: random.Random, created: datetime, fate: Life) -> Return:
        made = make_return(rng, self.serials, created)
        steps = life.ordinary(rng, fate, pays_on_delivery=pays_on_delivery(made.outcome))
        made.script = life.events(rng, created, steps)
        made.live_until(self.end)
        return made

    def changed(self) -> None:
        """Note that the truth is another one: the planted map is worked out again."""
        self.version += 1
        self._indexes.clear()
        found: dict[str, list[str]] = {}
        for each in self.returns:
            for key, value in keys_of(each, self.end):
                found.setdefault(key, []).append(value)
        self.planted = {key: sorted(found[key]) for key in sorted(found)}
        for listener in self.listeners:
            listener()


def at_of(owner: Return, name: str) -> datetime:
    """The timestamp that a filter names."""
    return owner.updated_at if name == "updated_at" else owner.created_at


def notices_of(owner: Return, end: datetime) -> list[tuple[int, int]]:
    """(row id, line id) of each shipping notice that exists at `end`."""
    if owner.asn_from is None or owner.asn_from > end:
        return []
    lines = [line.line_item_id for line in owner.lines[owner.asn_skips :]]
    if owner.asn_orphan is not None:
        lines.append(owner.asn_orphan)
    return [(line * 2 + 1, line) for line in lines]


def settle_stock(returns: list[Return]) -> None:
    """In a clean shop an item that is out of stock is paid back: only those at odd places are."""
    for each in returns:
        for item in each.exchanges[1::2]:
            item.out_of_stock = False


def build_world(
    *,
    seed: int = 7,
    returns: int = 400,
    days: int = 200,
    end: datetime | None = None,
    clean: bool = False,
) -> World:
    """Make a shop; the same arguments give the same truth, to the byte.

    Args:
        seed: Of the one source of chance.
        returns: How many returns exist in its present.
        days: Age of the oldest ordinary return; planted ones may be up to 50 days old.
        end: The shop's present, aware; now by default. Cut to the second, in UTC.
        clean: True plants no discrepancy and has no return without a parcel.
    """
    now = (end or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    rng = random.Random(seed)
    world = World(seed=seed, end=now, pace=returns / days, is_clean=clean, serials=Serials())
    drafts = draft_all(rng, returns=returns, days=days, end=now, is_clean=clean)
    world.returns = born_all(rng, world.serials, drafts, now)
    if clean:
        settle_stock(world.returns)
    world.changed()
    return world
