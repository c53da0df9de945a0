"""The states of an action and the arrows between them.

    PLANNED -> APPROVED -> INTENT -> POST -> ACCEPTED -> CONFIRMED
                                          -> IN_DOUBT -> CONFIRMED | CONFLICT | ACCEPTED | PARKED
    PARKED  -> a person's verdict -> CONFIRMED | APPROVED

Source: actions.md, section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

Kind = Literal["flag", "cancel", "process"]
KINDS: tuple[Kind, ...] = ("flag", "cancel", "process")
"""The hold first: of two requests for one return the earlier kind wins."""


class State(StrEnum):
    """Where an action stands."""

    PLANNED = "PLANNED"
    APPROVED = "APPROVED"
    INTENT = "INTENT"
    ACCEPTED = "ACCEPTED"
    IN_DOUBT = "IN_DOUBT"
    PARKED = "PARKED"
    CONFIRMED = "CONFIRMED"
    ALREADY = "ALREADY"
    REJECTED = "REJECTED"
    STALE = "STALE"
    CONFLICT = "CONFLICT"
    EXPIRED = "EXPIRED"


S = State
TERMINAL = frozenset({S.CONFIRMED, S.ALREADY, S.REJECTED, S.STALE, S.CONFLICT, S.EXPIRED})
LIVE = frozenset(State) - TERMINAL
SENT = frozenset({S.INTENT, S.ACCEPTED, S.IN_DOUBT})
"""A POST may be on its way or may have worked: to be read back."""
UNSENT = frozenset({S.PLANNED, S.APPROVED})
"""Nothing has left yet: the newest approval owns it."""
REOPENABLE = frozenset({S.STALE, S.EXPIRED, S.REJECTED})
"""Nothing was done at Loop, so that a new approval may begin again under the same key."""

ARROWS: Mapping[State, frozenset[State]] = {
    S.PLANNED: frozenset({S.APPROVED, S.EXPIRED, S.STALE}),
    S.APPROVED: frozenset({S.INTENT, S.ALREADY, S.STALE, S.CONFLICT, S.EXPIRED, S.REJECTED, S.PARKED}),
    S.INTENT: frozenset({S.ACCEPTED, S.REJECTED, S.APPROVED, S.IN_DOUBT}),
    S.IN_DOUBT: frozenset({S.CONFIRMED, S.CONFLICT, S.ACCEPTED, S.PARKED, S.APPROVED}),
    S.ACCEPTED: frozenset({S.CONFIRMED, S.CONFLICT, S.PARKED}),
    S.PARKED: frozenset({S.CONFIRMED, S.APPROVED}),
    # A refusal, and at the reading back the return turns out to be where it was wanted.
    S.REJECTED: frozenset({S.PLANNED, S.APPROVED, S.ALREADY}),
    S.STALE: frozenset({S.PLANNED, S.APPROVED}),
    S.EXPIRED: frozenset({S.PLANNED, S.APPROVED}),
    S.CONFIRMED: frozenset(),
    S.ALREADY: frozenset(),
    S.CONFLICT: frozenset(),
}
