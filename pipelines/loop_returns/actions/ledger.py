"""What the engine asks of a ledger; `SqlLedger` is the one that there is.

Every arrow is one compare-and-set transaction plus one event; a ledger that cannot write raises before
anything is sent. Source: actions.md, sections 3.1 and 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from loop_returns.actions.records import Action, Decision, Entry, Event, Row
from loop_returns.actions.states import State


@dataclass(frozen=True, slots=True)
class Used:
    """What other actions have used of the limits, read in the transaction that claims.

    Attributes:
        day: Actions with an intent in the last 24 hours, over all runs.
        run: Those of this run.
        day_amount: Money of `process` among them, per currency.
        run_amount: The same of this run.
    """

    day: int = 0
    run: int = 0
    day_amount: Mapping[str, Decimal] = field(default_factory=dict)
    run_amount: Mapping[str, Decimal] = field(default_factory=dict)


Check = Callable[[Used], str | None]
"""Says why an action may not be claimed; None: it may."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of a claim: the action at INTENT, or why it was held; neither: another run was first."""

    action: Action | None = None
    held: str | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A plan that somebody approves.

    Attributes:
        digest: Of the plan.
        keys: Action key per row, in the order of `rows`.
        settings_digest: The limits under which it was planned.
    """

    digest: str
    rows: Sequence[Row]
    keys: Sequence[str]
    settings_digest: str
    note: str | None = None


Enough = Callable[[Row, tuple[str, ...]], bool]
"""Whether these people are enough to approve a row."""


class Ledger(Protocol):
    """Durable, with exactly one winner for each arrow."""

    @property
    def epoch(self) -> str:
        """Names this ledger; a new one has another."""

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event; 0 and the beginning of the chain when there is none."""

    def hash_at(self, seq: int) -> str | None:
        """Hash of an event; None when there is none of that number."""

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events in order."""

    def actions(self, *states: State, plan: str | None = None) -> list[Action]:
        """Actions in these states (all when none is named), oldest first."""

    def action(self, key: str) -> Action | None:
        """One action."""

    def decisions(self) -> list[Decision]:
        """All decisions in order."""

    def plans(self, digest: str) -> list[tuple[str, str]]:
        """Whole digest and digest of the limits of the approved plans whose digest begins so."""

    def approved_rows(self, digest: str) -> set[str]:
        """Digests of the rows that somebody approved in a plan."""

    def approve(self, approval: Approval, entry: Entry, is_enough: Enough) -> list[str]:
        """Record an approval; per row what it led to: a state, or why nothing."""

    def decide(self, decision: Decision) -> None:
        """Record a decision about a request alone."""

    def claim(self, action: Action, entry: Entry, check: Check) -> Claim:
        """APPROVED -> INTENT, unless `check` holds it or another run was first."""

    def move(self, action: Action, to: State, entry: Entry, **changes: Any) -> Action | None:  # noqa: ANN401 # column values
        """Any other arrow; None when the action is no longer what `action` says."""

    def used(self, now: datetime) -> Used:
        """What all actions of the last 24 hours have used, for a plan."""

    def note_read(self, action: Action, at: datetime) -> None:
        """Remember when an action was read back last."""

    def take_turn(self, now: datetime, per_minute: int) -> float:
        """Take one call from the bucket that all runs share; else seconds to wait."""

    def hold_off(self, until: datetime) -> None:
        """Nobody calls before then."""

    def stopped(self) -> str | None:
        """Why the kill switch is on; None: it is off."""

    def set_stop(self, reason: str | None, entry: Entry) -> None:
        """Turn the kill switch on with a reason, or off."""
