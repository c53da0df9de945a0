"""What every command does first: read back whatever may have been sent, and say what became of it.

ledger INTENT | IN_DOUBT | ACCEPTED -> details by id -> CONFIRMED | CONFLICT | ACCEPTED | PARKED | stays

Reads and compare-and-sets only, so it may die and be repeated. Source: actions.md, sections 3.4 and 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from loop_returns.actions import readback
from loop_returns.actions.guards import Facts
from loop_returns.actions.ledger import Ledger
from loop_returns.actions.limits import Limits
from loop_returns.actions.notes import process_mark
from loop_returns.actions.records import Action, Entry, Json
from loop_returns.actions.send import ANSWER_SECONDS, CONNECT_SECONDS
from loop_returns.actions.states import SENT, State
from loop_returns.actions.wire import Step, Steps, Wire
from loop_returns.api.clock import Clock
from loop_returns.errors import ApiError, KeyRefusedError


class Unread(Enum):
    """The return could not be read; that says nothing of it."""

    UNREAD = "unread"


Details = Json | None | Literal[Unread.UNREAD]
UNREAD: Literal[Unread.UNREAD] = Unread.UNREAD


@dataclass(slots=True)
class Report:
    """What a run did.

    Attributes:
        moved: Action key and the state that it went to, in order.
        held: Action key -> the guard's words; these stay approved.
        unread: Action key -> why it could not be read.
        stopped: Why the run ended early.
        key_refused: Loop refused the key.
    """

    moved: list[tuple[str, State]] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None
    key_refused: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """What an engine works by.

    Attributes:
        stale: Says why an approved action no longer stands on an open request; None: it does.
        blocked: Says what holds it, such as a hold that somebody asked for meanwhile.
        is_over: Whether somebody asked the run to end (SIGTERM).
        is_paced: Whether calls wait for their turn in the ledger's bucket.
        heard: Return id -> the webhooks that confirm or fail a `process`, as they were drained.
    """

    limits: Limits
    run_id: str
    actor: str = "engine"
    facts: Facts = field(default_factory=Facts)
    stale: Callable[[Action], str | None] = lambda action: None
    blocked: Callable[[Action], str | None] = lambda action: None
    is_over: Callable[[], bool] = lambda: False
    is_paced: bool = True
    heard: Mapping[str, Sequence[readback.Told]] = field(default_factory=dict)


class Recovery:
    """Reads back; several may do so at once."""

    def __init__(self, ledger: Ledger, wire: Wire, clock: Clock, setting: Setting) -> None:
        self.ledger = ledger
        self.wire = wire
        self.clock = clock
        self.setting = setting
        self.limits = setting.limits
        self.report = Report()

    def confirm(self, *, at_once: bool = False) -> Steps[Report]:
        """Read back whatever may have been sent.

        Args:
            at_once: Whatever the schedule says.
        """
        for action in self.ledger.actions(*SENT):
            if self._is_due(action, at_once=at_once):
                yield from self._read_back(action)
            if self.report.key_refused:
                break
        return self.report

    def _is_due(self, action: Action, *, at_once: bool) -> bool:
        now, since = self.clock.now(), self._since(action)
        if action.state == State.INTENT:  # its own run may still be at it
            own = self.limits.send_window_seconds + CONNECT_SECONDS + ANSWER_SECONDS
            return (now - since).total_seconds() > own
        told = self._told(action)
        if told and (action.read_at is None or told.at > action.read_at):
            return True
        return at_once or readback.is_due(since, action.read_at, now, self.limits.settle_seconds)

    def _told(self, action: Action) -> readback.Told | None:
        return readback.told_of(action, self.setting.heard.get(action.return_id, ()))

    def _since(self, action: Action) -> datetime:
        """What an age counts from: the answer of an accepted one, else the intent."""
        since = action.answer_at if action.state == State.ACCEPTED and action.answer_at else action.intent_at
        assert since is not None, "what was sent has an intent"
        return since

    def _read_back(self, action: Action) -> Steps[None]:
        """Look at the return; the action's version is from before the look and is part of the change."""
        if action.state == State.INTENT:
            doubted = self._move(action, State.IN_DOUBT, "the run that had the intent left no answer", {})
            if doubted is None:
                return
            action = doubted
        before = self.clock.now()
        yield from self._turns(1)
        details = yield from self._details(action)
        if details is UNREAD:
            return
        marker = yield from self._marker(action)
        yield Step("read")
        if action.state == State.REJECTED:
            self._note_already(action, details)
            return
        age = (before - self._since(action)).total_seconds()
        self._judge(action, details, marker, age, before)

    def _judge(
        self, action: Action, details: Json | None, marker: bool | None, age: float, read_at: datetime
    ) -> None:
        settle, told = self.limits.settle_seconds, self._told(action)
        found = readback.verdict(action, details, marker, age, settle, told)
        if found.state is None:
            self.ledger.note_read(action, read_at)
        else:
            self._move(action, found.state, found.reason, found.evidence)

    def _note_already(self, action: Action, details: Json | None) -> None:
        """A refusal because it is done already is no refusal."""
        evidence = readback.observed(details)
        if evidence["state"] == readback.TARGET[action.action]:
            self._move(action, State.ALREADY, f"the return is {evidence['state']} already", evidence)

    def _marker(self, action: Action) -> Steps[bool | None]:
        """Whether our mark is among the notes; None where that proves nothing, or could not be read."""
        is_marked = action.action == "process" and self.limits.marker_verified
        if not (action.state == State.IN_DOUBT and is_marked):
            return None
        try:
            notes = yield from self.wire.notes(action.return_id)
        except (ApiError, KeyRefusedError):
            return None
        return any(process_mark(action.action_key) in note for note in notes)

    def _details(self, action: Action) -> Steps[Details]:
        try:
            return (yield from self.wire.details(action.return_id))
        except KeyRefusedError as error:
            self.report.key_refused, self.report.stopped = True, error.message
            self.report.unread[action.action_key] = error.message
        except ApiError as error:
            self.report.unread[action.action_key] = error.message
        return UNREAD

    def _turns(self, calls: int) -> Steps[None]:
        """Wait until so many calls may be made."""
        for _ in range(calls if self.setting.is_paced else 0):
            while wait := self.ledger.take_turn(self.clock.now(), self.limits.requests_per_minute):
                yield Step("waiting for a turn", wait)

    def _move(self, action: Action, to: State, reason: str, evidence: Json, **changes: Any) -> Action | None:  # noqa: ANN401 # column values
        moved = self.ledger.move(action, to, self._entry(reason, evidence), **changes)
        if moved is not None:
            self.report.moved.append((action.action_key, to))
        return moved

    def _entry(self, reason: str, evidence: Json) -> Entry:
        return Entry(self.setting.run_id, self.setting.actor, self.clock.now(), reason, evidence)
