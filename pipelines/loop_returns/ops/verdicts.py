"""A person's words about actions: a verdict on a parked one, a release, the kill switch; the list of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from loop_returns.actions import audit
from loop_returns.actions.records import Action, Decision, Request
from loop_returns.actions.requests import printable
from loop_returns.actions.states import State
from loop_returns.errors import GuardRefusedError, UsageError
from loop_returns.job import Job
from loop_returns.ops.desk import Desk, desk, mirror


def resolve(job: Job, key: str, *, applied: bool, reason: str, by: str) -> Action:
    """Say what became of a parked action: it worked (CONFIRMED), or nothing arrived (APPROVED again).

    Args:
        job: Settings and listener.
        key: The action key, or enough of its first digits.
        applied: Whether the action had its effect.
        reason: What was seen, and where.
        by: Who says so: another person than the one who approved it.

    Raises:
        UsageError: No parked action has that key, or there is no reason.
        GuardRefusedError: The approver and the one who speaks are the same person.
    """
    said = _words(reason)
    with desk(job, by=by) as at:
        action = _parked(at, key)
        if by in action.approvers:
            raise GuardRefusedError(
                "a second person must say what became of it",
                cause=f"{by} approved this action",
                hint="--by another person, who has looked at the return in the Loop admin",
            )
        to = State.CONFIRMED if applied else State.APPROVED
        moved = at.need.move(action, to, at.entry(said), tries=0, not_before=None)
        if moved is None:
            raise UsageError("the action has just been changed by somebody else", hint="loop-returns actions")
        mirror(at)
        return moved


def _parked(at: Desk, key: str) -> Action:
    parked = at.ledger.actions(State.PARKED) if at.ledger else []
    found = [action for action in parked if len(key) >= 6 and action.action_key.startswith(key.lower())]
    if len(found) != 1:
        raise UsageError(
            f"no parked action has the key {printable(key)[:16]!r}", hint="loop-returns actions lists them"
        )
    return found[0]


def _words(reason: str) -> str:
    said = printable(" ".join(reason.split()))[:1000]
    if not said:
        raise UsageError("a reason is needed: --reason TEXT")
    return said


def release(job: Job, flagged_item_id: str, *, reason: str, by: str) -> Decision:
    """Reviewed, and let go: the request is not carried out, nor asked for again on the same facts.

    Raises:
        UsageError: No open request has that id.
    """
    said = _words(reason)
    with desk(job, by=by, make=True) as at:
        found = [
            each
            for each in at.tables.requests
            if isinstance(each, Request) and each.flagged_item_id == flagged_item_id
        ]
        if not found:
            raise UsageError(
                f"no open request has the id {printable(flagged_item_id)[:60]!r}", hint="loop-returns plan"
            )
        decision = Decision(
            flagged_item_id, "reject", by, datetime.now(UTC), found[0].evidence_hash, None, said
        )
        at.need.decide(decision)
        mirror(at)
        return decision


def stop(job: Job, *, reason: str, by: str) -> None:
    """Turn the kill switch on: nothing more is sent, not even by an apply that is at work."""
    with desk(job, by=by, make=True) as at:
        at.need.set_stop(_words(reason), at.entry(_words(reason)))
        mirror(at)


def resume(job: Job, *, reason: str, by: str) -> None:
    """Turn the kill switch off."""
    with desk(job, by=by, make=True) as at:
        at.need.set_stop(None, at.entry(_words(reason)))
        mirror(at)


@dataclass(frozen=True, slots=True)
class Overview:
    """All actions, what happened last to each, and whether the kill switch is on."""

    actions: list[Action]
    reasons: dict[str, str]
    stopped: str | None


def overview(job: Job) -> Overview:
    """What is in the ledger."""
    with desk(job) as at:
        if at.ledger is None:
            return Overview([], {}, None)
        reasons = {event.action_key: event.reason for event in at.ledger.events()}
        return Overview(at.ledger.actions(), reasons, at.ledger.stopped())


def verify_audit(job: Job) -> tuple[int, str]:
    """Walk the hash chain, and compare its head with the mirror's.

    Returns:
        Number of events, and the hash of the last one.

    Raises:
        LoopReturnsError: The chain is broken, or is not the one that was mirrored.
    """
    with desk(job) as at:
        if at.ledger is None:
            return 0, ""
        return audit.verify(at.ledger.epoch, at.ledger.events()), at.ledger.head()[1]
