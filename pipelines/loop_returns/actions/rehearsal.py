"""A rehearsal of an approved plan: everything but sending. It reads, writes nothing, needs no action key."""

from __future__ import annotations

from dataclasses import dataclass

from loop_returns.actions import guards, readback
from loop_returns.actions.ledger import Used
from loop_returns.actions.records import Action
from loop_returns.actions.recovery import UNREAD, Recovery
from loop_returns.actions.states import KINDS, State
from loop_returns.actions.wire import Steps


@dataclass(frozen=True, slots=True)
class Trial:
    """What `apply --execute` would do with one action now.

    Attributes:
        would: `send`, `hold`, `skip`, or the state that it would go to.
    """

    action: Action
    would: str
    reason: str


class Rehearsal(Recovery):
    """Goes through a plan as the engine would."""

    def rehearse(self, digest: str) -> Steps[list[Trial]]:
        """Read each return and ask each guard."""
        used, trials = self.ledger.used(self.clock.now()), []
        found = self.ledger.actions(State.APPROVED, plan=digest)
        for action in sorted(found, key=lambda each: KINDS.index(each.action)):
            trial = yield from self._try(action, used)
            if trial.would == "send":
                used = guards.counted(used, action.row)
            trials.append(trial)
        return trials

    def _try(self, action: Action, used: Used) -> Steps[Trial]:
        if reason := self.setting.stale(action):
            return Trial(action, State.STALE, reason)
        limits, facts = self.limits, self.setting.facts
        held = (
            self.setting.blocked(action)
            or guards.of_row(limits, action.row)
            or guards.of_totals(limits, action.row, used, facts.open_returns)
        )
        if held:
            return Trial(action, "hold", held)
        details = yield from self._details(action)
        if details is UNREAD:
            return Trial(action, "skip", self.report.unread[action.action_key])
        found = readback.precheck(action, details)
        return Trial(action, found.state or "send", found.reason)
