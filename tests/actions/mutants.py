"""The engine with one safeguard taken out: the usual ways to act, each of which repeats or loses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loop_returns.actions import readback
from loop_returns.actions.answers import Sent, classify
from loop_returns.actions.engine import Engine, Moment
from loop_returns.actions.records import Action, Json
from loop_returns.actions.states import State
from loop_returns.actions.wire import Step, Steps


class CallThenWrite(Engine):
    """Sends first and writes the intent afterwards, as most connectors do."""

    def _claim_and_send(self, action: Action, before: Json) -> Steps[None]:
        sent = yield from self._send(action, (self.clock.monotonic(), self.clock.now()))
        yield Step("answered")
        claim = self.ledger.claim(action, self._entry("intent", {}), lambda used: None)
        if claim.action is not None:
            yield from self._write_answer(claim.action, sent, None)


class WriteThenCall(Engine):
    """Writes that it is done, and does it then."""

    def _claim_and_send(self, action: Action, before: Json) -> Steps[None]:
        claim = self.ledger.claim(action, self._entry("intent", {}), lambda used: None)
        if claim.action is None:
            return
        accepted = self._move(claim.action, State.ACCEPTED, "done", {})
        if accepted is not None:
            self._move(accepted, State.CONFIRMED, "done", {})
        yield Step("written")
        yield from self._send(claim.action, (self.clock.monotonic(), self.clock.now()))


class ResendWithoutEvidence(Engine):
    """Takes "still open" for proof that nothing arrived."""

    settle: float | None = None

    def _judge(
        self, action: Action, details: Json | None, marker: bool | None, age: float, read_at: datetime
    ) -> None:
        settle = self.limits.settle_seconds if self.settle is None else self.settle
        found = readback.verdict(action, details, bool(marker), age, settle)
        if found.state is None:
            self.ledger.note_read(action, read_at)
        else:
            self._move(action, found.state, found.reason, found.evidence)


class NoSettle(ResendWithoutEvidence):
    """Does so at once."""

    settle = 0.0


class ShortSettle(Engine):
    """Trusts the marker after 40 seconds, when a late request may still be on its way."""

    def _judge(
        self, action: Action, details: Json | None, marker: bool | None, age: float, read_at: datetime
    ) -> None:
        found = readback.verdict(action, details, marker, age, 40.0)
        if found.state is None:
            self.ledger.note_read(action, read_at)
        else:
            self._move(action, found.state, found.reason, found.evidence)


class RetryingHelper(Engine):
    """Sends up to five times while the server says 5xx or nothing, as dlt's requests helper does."""

    def _send(self, claimed: Action, born: Moment) -> Steps[Sent]:
        for _ in range(5):
            sent = yield from super()._send(claimed, born)
            if classify(sent).state != State.IN_DOUBT:
                break
        return sent


class NoDeadline(Engine):
    """Sends whenever it wakes."""

    def _may_send(self, claimed: Action, born: Moment) -> bool:
        return True


class RowsDeadline(Engine):
    """Asks the ledger how old the intent is, where a newer intent of another run may stand."""

    def _may_send(self, claimed: Action, born: Moment) -> bool:
        row = self.ledger.action(claimed.action_key)
        assert row is not None
        assert row.intent_at is not None
        return (self.clock.now() - row.intent_at).total_seconds() < self.limits.send_window_seconds


class VersionAfterRead(Engine):
    """Takes the action's version after it read the return: what it read may be of an older attempt (ABA)."""

    def _judge(self, action: Action, details: Json | None, *others: Any) -> None:
        newest = self.ledger.action(action.action_key)
        if newest is not None and newest.state == action.state:
            super()._judge(newest, details, *others)
