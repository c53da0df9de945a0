"""The loop that acts: recover, then per row precheck, intent, one POST, answer, reading back.

    ledger APPROVED -> details -> INTENT (committed) -> POST -> answer written -> details -> CONFIRMED

Nothing is sent without a committed intent of this very run, nothing twice, and what cannot be known is parked
for a person. It may die between any two steps. Source: actions.md, sections 3.2 to 3.6.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from loop_returns.actions import guards, readback
from loop_returns.actions.answers import Outcome, Sent, classify
from loop_returns.actions.ledger import Ledger
from loop_returns.actions.notes import flag_note, process_mark
from loop_returns.actions.records import Action, Json
from loop_returns.actions.recovery import UNREAD, Recovery, Report, Setting
from loop_returns.actions.states import KINDS, State
from loop_returns.actions.wire import Step, Steps, Wire
from loop_returns.api.clock import Clock
from loop_returns.errors import ApiError, KeyRefusedError

LONGEST_RETRY_AFTER = 300.0
_FEW_LEFT = 5
_EASE = timedelta(seconds=10)
_LOOK_EVERY = 5.0
Moment = tuple[float, datetime]


class Engine(Recovery):
    """One run over a ledger; several may run at once."""

    def __init__(self, ledger: Ledger, wire: Wire, clock: Clock, setting: Setting) -> None:
        super().__init__(ledger, wire, clock, setting)
        self._stops = guards.Stops(setting.limits)
        self._canary_sang = False

    def apply(self, digest: str) -> Steps[Report]:
        """Carry out an approved plan, row by row, the holds first."""
        yield from self.confirm(at_once=True)
        waiting = self._approved(digest)
        while (action := (yield from self._next(waiting))) is not None:
            yield from self._act(action)
            after = self.ledger.action(action.action_key)
            if after is None:
                continue
            self._count(after)
            if self._wants_again(after):
                waiting.append(after.action_key)
            yield from self._watch_canary(after)
        yield from self._linger(digest)
        return self.report

    def _approved(self, digest: str) -> list[str]:
        found = self.ledger.actions(State.APPROVED, plan=digest)
        return [each.action_key for each in sorted(found, key=lambda each: KINDS.index(each.action))]

    def _next(self, waiting: list[str]) -> Steps[Action | None]:
        """The next action whose time has come; the first of them when all must wait."""
        while waiting and not self._must_stop():
            key = next((each for each in waiting if self._wait_of(each) <= 0), waiting[0])
            waiting.remove(key)
            wait, action = self._wait_of(key), self.ledger.action(key)
            if action is None or action.state != State.APPROVED:
                continue
            if wait > LONGEST_RETRY_AFTER:
                self.report.held[key] = f"Loop asks to wait {wait:.0f} s"
                continue
            if wait > 0:
                yield Step("waiting for a retry", wait)
            return None if self._must_stop() else action
        return None

    def _wait_of(self, key: str) -> float:
        action = self.ledger.action(key)
        if action is None or action.not_before is None:
            return 0.0
        return (action.not_before - self.clock.now()).total_seconds()

    def _must_stop(self) -> bool:
        if self.report.stopped is None:
            stop = guards.before_run(self.limits, self.setting.facts, self.clock.now(), self.ledger.stopped())
            over = "asked to end: what was begun is finished" if self.setting.is_over() else None
            self.report.stopped = over or stop or next(iter(self._stops.reasons), None)
        return self.report.stopped is not None

    def _count(self, after: Action) -> None:
        """An action that could not even be read counts as an error."""
        self._stops.note(State.REJECTED if after.action_key in self.report.unread else after.state)

    def _wants_again(self, after: Action) -> bool:
        """Proved not to have been sent: once more, later."""
        is_left = after.action_key in self.report.held or after.action_key in self.report.unread
        return after.state == State.APPROVED and after.not_before is not None and not is_left

    def _act(self, action: Action) -> Steps[None]:
        if ended := self._ended(action):
            self._move(action, *ended, {})
            return
        if held := self.setting.blocked(action):
            self.report.held[action.action_key] = held
            return
        yield from self._turns(4 if action.action == "flag" else 2)
        details = yield from self._details(action)
        if details is UNREAD:
            return
        found = readback.precheck(action, details)
        if found.state is not None:
            self._move(action, found.state, found.reason, found.evidence)
            return
        yield Step("before the intent")
        yield from self._claim_and_send(action, found.evidence)

    def _ended(self, action: Action) -> tuple[State, str] | None:
        """An approval that no longer holds."""
        now, until = self.clock.now(), action.row.request.valid_until
        if until is not None and until <= now:
            return State.EXPIRED, f"it was to be done before {until:%Y-%m-%d %H:%M} UTC"
        if action.approved_at + timedelta(hours=self.limits.approval_hours) <= now:
            return State.EXPIRED, f"approved more than {self.limits.approval_hours} hours ago"
        if reason := self.setting.stale(action):
            return State.STALE, reason
        return None

    def _claim_and_send(self, action: Action, before: Json) -> Steps[None]:
        born = self.clock.monotonic(), self.clock.now()
        check = guards.claim_check(self.limits, action, self.setting.facts)
        claim = self.ledger.claim(action, self._entry("intent", {"before": before}), check)
        if claim.held:
            self.report.held[action.action_key] = claim.held
        if claim.action is None:
            return
        yield Step("intent written")
        noted = yield from self._write_note(claim.action, born)
        yield Step("before sending")
        sent = yield from self._send(claim.action, born)
        yield Step("answered")
        yield from self._write_answer(claim.action, sent, noted)

    def _may_send(self, claimed: Action, born: Moment) -> bool:
        """Whether the own intent is young enough, by the own clocks; the ledger's copy is never asked."""
        passed = max(self.clock.monotonic() - born[0], (self.clock.now() - born[1]).total_seconds())
        return passed < self.limits.send_window_seconds

    def _send(self, claimed: Action, born: Moment) -> Steps[Sent]:
        path = f"/warehouse/return/{int(claimed.return_id)}/{claimed.action}"
        is_marked = claimed.action == "process" and self.limits.marker_verified
        body = {"loop-returns": process_mark(claimed.action_key)} if is_marked else None
        return (yield from self.wire.post(path, body, lambda: self._may_send(claimed, born)))

    def _write_note(self, claimed: Action, born: Moment) -> Steps[str | None]:
        """The reason of a flag, which itself takes none; once, and never in the way of the flag."""
        if claimed.action != "flag":
            return None
        text = flag_note(claimed.row.request.reason, claimed.action_key)
        try:
            notes = yield from self.wire.notes(claimed.return_id)
        except (ApiError, KeyRefusedError):
            notes = [] if claimed.attempt == 1 else [text]
        if text in notes:
            return "there already"
        path = f"/warehouse/return/{int(claimed.return_id)}/note"
        sent = yield from self.wire.post(path, {"content": text}, lambda: self._may_send(claimed, born))
        is_written = sent.status in (200, 201) and classify(sent).state != State.REJECTED
        return "written" if is_written else classify(sent).code

    def _write_answer(self, claimed: Action, sent: Sent, noted: str | None) -> Steps[None]:
        outcome, now = classify(sent), self.clock.now()
        if sent.remaining is not None and sent.remaining < _FEW_LEFT:
            self.ledger.hold_off(now + _EASE)
        evidence = {**claimed.evidence, "answer": outcome.code} | ({"note": noted} if noted else {})
        changes: dict[str, Any] = {"http_status": sent.status, "answer_code": outcome.code, "answer_at": now}
        if outcome.state == State.APPROVED:
            changes |= self._again(claimed, sent, outcome)
        written = self._move(claimed, outcome.state, outcome.words, evidence, **changes)
        yield Step("answer written")
        if outcome.stops:
            self.report.stopped = f"Loop answered {outcome.code}: {outcome.words}"
            self.report.key_refused = outcome.code in ("401", "403")
        if written is None:
            return
        if written.state == State.APPROVED and written.tries >= guards.MAX_TRIES:
            self._move(written, State.PARKED, f"given up after {written.tries} tries; nothing was sent", {})
        if written.state in (State.ACCEPTED, State.REJECTED):
            yield from self._read_back(written)

    def _again(self, claimed: Action, sent: Sent, outcome: Outcome) -> dict[str, Any]:
        """When a proved not-sent is tried again; a key that is refused costs no try."""
        wait = sent.retry_after if sent.retry_after is not None else min(60.0, 2.0**claimed.tries)
        now = self.clock.now()
        if outcome.code == "429":
            self.ledger.hold_off(now + timedelta(seconds=min(wait, LONGEST_RETRY_AFTER)))
        return {
            "tries": claimed.tries + (not outcome.stops),
            "not_before": now + timedelta(seconds=min(wait, 86_400.0)),
        }

    def _watch_canary(self, after: Action) -> Steps[None]:
        """The first process goes alone: on only when it is confirmed, or accepted for a minute."""
        if self._canary_sang or after.action != "process":
            return
        waited = 0.0
        while after.state == State.ACCEPTED and waited < self.limits.canary_seconds:
            wait = min(_LOOK_EVERY, self.limits.canary_seconds - waited)
            yield Step("watching the first process", wait)
            waited += wait
            yield from self._read_back(after)
            after = self.ledger.action(after.action_key) or after
        if after.state in (State.ACCEPTED, State.CONFIRMED):
            self._canary_sang = True
        elif after.state in (State.IN_DOUBT, State.PARKED, State.CONFLICT) and self.report.stopped is None:
            self.report.stopped = f"canary: the first process is {after.state}"

    def _linger(self, digest: str) -> Steps[None]:
        """Read back what Loop accepted for a while; the next command goes on with the rest."""
        waited = 0.0
        while not self.report.key_refused and not self.setting.is_over():
            left = self.ledger.actions(State.ACCEPTED, plan=digest)
            if not left or waited >= self.limits.confirm_seconds:
                return
            yield Step("waiting for Loop", _LOOK_EVERY)
            waited += _LOOK_EVERY
            for action in left:
                if self._is_due(action, at_once=False):
                    yield from self._read_back(action)
