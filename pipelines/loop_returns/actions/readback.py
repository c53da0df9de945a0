"""Reading back: what a return looks like, whether it is still what was approved, and what became of a POST.

Pure: details of the return in, a verdict out. Source: actions.md, sections 3.4 and 3.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from loop_returns.actions.records import Action, Json, plain
from loop_returns.actions.states import Kind, State

TARGET: Mapping[Kind, str] = {"flag": "review", "cancel": "cancelled", "process": "closed"}
SCANNED = ("in_transit", "out_for_delivery", "delivered")
MONEY = ("total", "refund", "gift_card", "exchange_credit_total")
UNCONFIRMED_SECONDS = 24 * 3600.0
_SCHEDULE = (5.0, 15.0, 60.0, 300.0)
_EVERY = 1800.0
_TRACES = ("was_processed", "outcomes_processed", "refunds")


class Verdict(NamedTuple):
    """What a look at the return says.

    Attributes:
        state: Where the action goes; None: it stays (or, before sending: it may be sent).
        reason: Why.
        evidence: What was seen, without anybody's data.
    """

    state: State | None
    reason: str
    evidence: Json


def fingerprint(details: Json, line_ids: list[str] | None = None) -> dict[str, Any]:
    """What must not change between approval and sending: state, outcome, money, lines.

    `updated_at` is left out: whether a mere scan moves it is not documented.

    Args:
        details: The return as the API or the table has it.
        line_ids: Its lines, if they are not in it.
    """
    if line_ids is None:
        line_ids = [str(line.get("line_item_id")) for line in details.get("line_items") or ()]
    found = {name: details.get(name) for name in ("state", "outcome", "currency")}
    found |= {name: _money(details.get(name)) for name in MONEY}
    return {name: value for name, value in found.items() if value not in (None, "")} | {
        "lines": sorted(line_ids)
    }


def _money(value: object) -> str | None:
    try:
        return None if value is None else plain(Decimal(str(value)))
    except InvalidOperation:
        return None


def observed(details: Json | None) -> dict[str, Any]:
    """The evidence that is kept of a reading."""
    if details is None:
        return {"state": None}
    done = details.get("outcomes_processed_at")
    named = sorted(name for name, at in done.items() if at) if isinstance(done, Mapping) else []
    return {
        "state": details.get("state"),
        "was_processed": bool(details.get("was_processed")),
        "outcomes_processed": named,
        "refunds": len(details.get("refunds") or ()),
    }


def precheck(action: Action, details: Json | None) -> Verdict:
    """Whether an approved action may be sent, from a reading of this moment."""
    evidence = observed(details)
    if details is None:
        return Verdict(State.REJECTED, "Loop knows no such return", evidence)
    state, target = details.get("state"), TARGET[action.action]
    if state == target:
        return Verdict(State.ALREADY, f"the return is {state} already", evidence)
    if state in ("closed", "cancelled", "expired"):
        return Verdict(State.CONFLICT, f"the return is {state}: it cannot become {target}", evidence)
    if state != "open":
        return Verdict(State.STALE, f"the return is {state}, not open", evidence)
    if drift := _drift(action, details):
        return Verdict(State.STALE, f"changed since it was approved: {', '.join(drift)}", evidence)
    if action.action == "cancel" and details.get("label_status") in SCANNED:
        return Verdict(State.STALE, "the parcel has been scanned", evidence)
    return Verdict(None, "as approved", evidence)


FAILED, CLOSED = "return.processing.failed", "return.closed"


class Told(NamedTuple):
    """A webhook about a return: one of the two triggers above, and when it was received."""

    trigger: str
    at: datetime


def told_of(action: Action, heard: Sequence[Told]) -> Told | None:
    """The last webhook that may be about a `process`: received since its intent."""
    since = action.intent_at
    if action.action != "process" or since is None:
        return None
    return max((each for each in heard if each.at >= since), key=lambda each: each.at, default=None)


def _drift(action: Action, details: Json) -> list[str]:
    """What is not as it was; what one side does not say is not compared."""
    approved, now = action.row.seen, fingerprint(details)
    changed = [name for name in now if name in approved and now[name] != approved[name]]
    request = action.row.request
    if request.expected_state not in (None, now.get("state")) and "state" not in changed:
        changed.append("state")
    if request.expected_outcome not in (None, now.get("outcome")) and "outcome" not in changed:
        changed.append("outcome")
    return changed


def verdict(
    action: Action,
    details: Json | None,
    marker: bool | None,
    age: float,
    settle: float,
    told: Told | None = None,
) -> Verdict:
    """What became of an action that may have been sent.

    Args:
        action: In ACCEPTED or IN_DOUBT, as it was before the return was read.
        details: The return as it was read.
        marker: Whether our mark is among its notes; None: notes prove nothing in this shop.
        age: Seconds from the intent (in doubt) or the answer (accepted) to just before the reading.
        settle: Age before which "still open" says nothing.
        told: What Loop's last webhook since the intent said; the return as it was read counts for more.
    """
    evidence = observed(details) | ({} if marker is None else {"marker": marker})
    evidence |= {"webhook": told.trigger} if told else {}
    state = evidence["state"]
    if state == TARGET[action.action]:
        return Verdict(State.CONFIRMED, f"the return is {state}", evidence)
    if state in ("closed", "cancelled", "expired"):
        return Verdict(State.CONFLICT, f"the return is {state}", evidence)
    if state != "open":
        return Verdict(State.PARKED, _odd_state(action, state), evidence)
    if told and told.trigger == FAILED:
        return Verdict(State.PARKED, "Loop said that the processing failed", evidence)
    if action.state == State.ACCEPTED:
        is_over = age >= UNCONFIRMED_SECONDS
        return Verdict(State.PARKED if is_over else None, "accepted, and open for 24 hours", evidence)
    if marker or told or _has_begun(action, evidence):
        return Verdict(State.ACCEPTED, "the return shows that Loop took it", evidence)
    if age < settle:
        return Verdict(None, "still open, too early to say", evidence)
    if marker is False:
        return Verdict(State.APPROVED, "proved not to have arrived", evidence)
    return Verdict(State.PARKED, "still open, and no proof either way", evidence)


def _odd_state(action: Action, state: object) -> str:
    if state is None:
        return "Loop no longer knows the return"
    partly = "; a part may have been paid out" if action.action == "process" else ""
    return f"the return is {str(state)[:20]}{partly}"


def _has_begun(action: Action, evidence: Json) -> bool:
    """Whether outcomes or refunds show that were not there before the intent; a reopened return has some."""
    if action.action != "process":
        return False
    before = action.evidence.get("before", {})
    return any(evidence[name] and evidence[name] != before.get(name) for name in _TRACES)


def is_due(since: datetime, last: datetime | None, now: datetime, settle: float) -> bool:
    """Whether it is time to read again: 5 s, 15 s, 60 s, 5 min, then each half hour, and at `settle`."""
    if last is None:
        return True
    then, age = (last - since).total_seconds(), (now - since).total_seconds()
    marks = [*_SCHEDULE, settle, *(_EVERY * n for n in range(1, 49))]
    return any(then < mark <= age for mark in marks) or age - then >= _EVERY
