"""`apply`: carry an approved plan out, or rehearse it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

from loop_returns import settings as settings_of
from loop_returns.actions import guards
from loop_returns.actions.engine import Engine
from loop_returns.actions.plan import rejected
from loop_returns.actions.records import Action, Request
from loop_returns.actions.recovery import Report, Setting
from loop_returns.actions.rehearsal import Rehearsal, Trial
from loop_returns.actions.send import Poster
from loop_returns.actions.states import KINDS, State
from loop_returns.actions.wire import EngineClock, HttpWire, drive
from loop_returns.errors import (
    ActionInDoubtError,
    ActionRefusedError,
    DatabaseLockedError,
    GuardRefusedError,
    KeyRefusedError,
)
from loop_returns.job import Job
from loop_returns.ops.desk import Desk, confirm, desk, mirror, reader
from loop_returns.ops.plans import changed, check_digest

_REFUSED = (State.REJECTED, State.STALE, State.CONFLICT, State.EXPIRED)
_UNSURE = (State.INTENT, State.IN_DOUBT, State.PARKED)


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply --execute` did.

    Attributes:
        actions: Those of the plan, as they stand now.
    """

    digest: str
    report: Report
    actions: list[Action]

    @property
    def exit_code(self) -> int:
        """Of the worst thing that happened."""
        states = {action.state for action in self.actions}
        if self.report.key_refused:
            return KeyRefusedError.exit_code
        if states & set(_UNSURE):
            return ActionInDoubtError.exit_code
        if self.report.stopped or self.report.held or State.PLANNED in states:
            return GuardRefusedError.exit_code
        if states & set(_REFUSED) or self.report.unread:
            return ActionRefusedError.exit_code
        return 0


def rehearse(job: Job, digest: str) -> tuple[str, list[Trial], str | None]:
    """Everything but sending, with the reading key.

    Returns:
        The whole digest, what would be done per action, and why nothing could be sent now.
    """
    settings = settings_of.read()
    with desk(job) as at:
        whole = _approved(at, digest)
        confirm(at)
        with reader(job, settings.api_key) as loop:
            setting = _setting(at, whole, is_paced=False)
            rehearsal = Rehearsal(at.need, HttpWire(loop), EngineClock(), setting)
            trials = drive(rehearsal.rehearse(whole), EngineClock())
        stop = guards.before_run(at.limits, at.tables.facts, datetime.now(UTC), at.need.stopped())
        return whole, trials, stop


def execute(job: Job, digest: str, by: str, *, key: str | None = None) -> Applied:
    """Carry out what was approved, as far as every guard lets it.

    Args:
        job: Settings and listener.
        digest: Of the plan, or its first twelve digits.
        by: Who speaks.
        key: The action key; None: the setting `action_api_key`.

    Raises:
        GuardRefusedError: The plan is not approved, or nothing may be sent now.
        ActionRefusedError: The limits are not those under which it was approved.
        KeyRefusedError: There is no action key.
        DatabaseLockedError: Another apply is at work.
    """
    with desk(job, by=by) as at, _alone(at):
        whole = _approved(at, digest)
        if why := guards.before_run(at.limits, at.tables.facts, datetime.now(UTC), at.need.stopped()):
            raise GuardRefusedError("nothing was sent: a guard refused", cause=why, hint="loop-returns plan")
        key = key or settings_of.action_key()
        mirror(at, publish=False)
        clock = EngineClock()
        with reader(job, key) as loop, _asked_to_end() as is_over:
            setting = _setting(at, whole, is_over=is_over)
            engine = Engine(at.need, HttpWire(loop, Poster(job.settings.base_url, key)), clock, setting)
            report = drive(engine.apply(whole), clock, is_over)
        mirror(at)
        return Applied(whole, report, at.need.actions(plan=whole))


def _approved(at: Desk, digest: str) -> str:
    """The whole digest of an approved plan whose limits still hold."""
    check_digest(digest)
    found = at.ledger.plans(digest) if at.ledger else []
    if len(found) != 1:
        raise GuardRefusedError(
            "this plan is not approved", cause=f"digest {digest[:16]}", hint="loop-returns approve DIGEST"
        )
    ((whole, settings_digest),) = found
    if settings_digest != at.limits.digest:
        raise ActionRefusedError(
            "plan is stale: [actions] in loop.toml is not what it was", hint="loop-returns plan"
        )
    return whole


def _setting(
    at: Desk, digest: str, *, is_paced: bool = True, is_over: Callable[[], bool] = lambda: False
) -> Setting:
    approved, decisions = at.need.approved_rows(digest), at.need.decisions()

    def stale(action: Action) -> str | None:
        request = action.row.request
        if action.row.digest not in approved:
            return "the row is not the one that was approved"
        if who := rejected(request, decisions):
            return f"{who.decided_by} released it"
        return changed(at, request.flagged_item_id, action.row.digest)

    def blocked(action: Action) -> str | None:
        rank = KINDS.index(action.action)
        for each in at.tables.requests:
            if not isinstance(each, Request) or each.return_id != action.return_id:
                continue
            if KINDS.index(each.action) < rank and not rejected(each, decisions):
                return f"hold wins: {each.action} of the same return is asked for, too"
        return None

    return Setting(
        limits=at.limits,
        run_id=at.run_id,
        facts=at.tables.facts,
        stale=stale,
        blocked=blocked,
        is_over=is_over,
        is_paced=is_paced,
        heard=at.tables.heard,
    )


@contextmanager
def _alone(at: Desk) -> Iterator[None]:
    """One apply at a time: this saves work; what keeps actions from being done twice is the ledger."""
    if at.ledger is None:
        yield
        return
    with at.ledger.lease() as is_ours:
        if not is_ours:
            raise DatabaseLockedError(
                "another apply is at work",
                cause="it holds the lease",
                hint="wait for it to end",
            )
        yield


@contextmanager
def _asked_to_end() -> Iterator[Callable[[], bool]]:
    """SIGTERM and the first SIGINT let the current action end, then the run."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt

    before = {}
    with suppress(ValueError):  # not the main thread: nobody sends it signals
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
