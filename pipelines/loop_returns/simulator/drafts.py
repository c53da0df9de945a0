"""Which returns a new world gets: the mix of states, the planted roles, and when each was made.

Drafts are drawn first and sorted by time, so that ids rise with `created_at` as Loop's do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from loop_returns.simulator import life
from loop_returns.simulator.birth import OUTCOMES, Serials, Wish, make_return
from loop_returns.simulator.life import Step
from loop_returns.simulator.planted import ROLES
from loop_returns.simulator.truth import Life, Return

MIX: tuple[tuple[Life, int], ...] = (
    ("closed", 62),
    ("open", 20),
    ("cancelled", 6),
    ("expired", 7),
    ("review", 5),
)
"""Share of each state, in percent, in the present of a new world."""
PER_CLASS = 500
"""So many returns get one more return of each planted class; a class has at least three."""
_WISHES = {outcome: Wish(outcomes=(outcome,)) for outcome in OUTCOMES}


class Draft(NamedTuple):
    """A return before it has a body."""

    created_at: datetime
    role: str
    steps: list[Step]
    wish: Wish


def draft_all(rng: random.Random, *, returns: int, days: int, end: datetime, is_clean: bool) -> list[Draft]:
    """Draw so many returns, oldest first; planted roles come out of the number asked for."""
    planted = [] if is_clean else list(_planted(rng, returns, end))
    plain = list(_plain(rng, returns - len(planted), days, end))
    return sorted(planted + plain, key=lambda draft: draft.created_at)


def born_all(rng: random.Random, serials: Serials, drafts: list[Draft], end: datetime) -> list[Return]:
    """Give each draft a body, let it live until `end`, and plant what its role says."""
    counts: dict[str, int] = {}
    made: list[Return] = []
    for draft in drafts:
        last = made[-1] if made and not draft.role and not made[-1].role else None
        if last is not None and rng.random() < 0.03:
            wish = replace(draft.wish, currencies=(last.currency,))
            one = make_return(rng, serials, draft.created_at, wish, last.order)
        else:
            one = make_return(rng, serials, draft.created_at, draft.wish)
        one.script = life.events(rng, draft.created_at, draft.steps)
        one.live_until(end)
        if draft.role:
            one.role = draft.role
            count = counts[draft.role] = counts.get(draft.role, -1) + 1
            ROLES[draft.role].patch(rng, one, count)
        made.append(one)
    return made


def _planted(rng: random.Random, returns: int, end: datetime) -> Iterator[Draft]:
    per_class = min(max(3, returns // PER_CLASS), returns // (2 * len(ROLES)) or 1)
    names = list(ROLES)[: returns // 2]
    for name in names:
        role = ROLES[name]
        for count in range(per_class):
            age, steps = role.steps(rng, count)
            yield Draft(end - timedelta(seconds=age), name, steps, role.wish)


def _plain(rng: random.Random, count: int, days: int, end: datetime) -> Iterator[Draft]:
    lives, weights = zip(*MIX, strict=True)
    last: datetime | None = None
    for fate in rng.choices(lives, weights, k=count):
        outcome = rng.choice(OUTCOMES)
        steps = life.ordinary(rng, fate, pays_on_delivery=life.pays_on_delivery(outcome))
        steps = life.fitted(steps, days)
        created = end - timedelta(seconds=life.age_for(rng, fate, steps, days))
        over = timedelta(seconds=steps[-1].after + 2 * life.HOUR)
        if last is not None and fate not in ("open", "review") and rng.random() < 0.06 and last + over < end:
            created = last
        last = created
        yield Draft(created, "", steps, _WISHES[outcome])
