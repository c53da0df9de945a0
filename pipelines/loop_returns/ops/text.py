"""The action commands in words: plan, approval, rehearsal, what was done, what is parked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loop_returns.actions.requests import printable
from loop_returns.actions.states import KINDS, State
from loop_returns.terminal import room, table

if TYPE_CHECKING:
    from loop_returns.actions.plan import Plan
    from loop_returns.actions.records import Action, Row
    from loop_returns.actions.rehearsal import Trial
    from loop_returns.ops.apply import Applied
    from loop_returns.ops.plans import Approved
    from loop_returns.ops.verdicts import Overview

SYMBOL = {"flag": "!", "cancel": "-", "process": "$"}
SHORT = 12
QUIET = ("released", "under way")
"""Guards that hold what somebody has decided already: no news."""
_MOST = 50
_BESIDE_REASON = 68
"""Columns of the other cells of an action."""


def plan_text(plan: Plan) -> str:
    """What would be done and why, what is held back, and what to type next."""
    if not plan.rows:
        lines = ["Nothing to do: no open request can be carried out now."]
    else:
        lines = [f"Would act on {_count(len(plan.rows), 'return')}:", ""]
        lines += [_row(row) for row in plan.rows[:_MOST]]
        lines += _rest(len(plan.rows))
    lines += _held(plan)
    lines += ["", _totals(plan)]
    if plan.blocked:
        lines += [f"Nothing may be sent now: {plan.blocked}"]
    if plan.rows:
        short = plan.digest[:SHORT]
        lines += [
            f"Digest: {plan.digest}",
            "Nothing was sent. If this is what you want:",
            f"  loop-returns approve {short}",
            f"  loop-returns apply {short}              a rehearsal",
            f"  loop-returns apply {short} --execute    this sends",
        ]
    return "\n".join(lines)


def _row(row: Row) -> str:
    request = row.request
    moved = f"{request.currency} {request.amount:,.2f}  " if request.action == "process" else ""
    what = f"{SYMBOL[request.action]} {request.action:<8} RMA {request.return_id}"
    by = f"  ({request.rule_id or request.requested_by})"
    head = f"  {what}  {moved}"
    return f"{head}{_cut(request.reason, min(60, room(len(head) + len(by))))}{by}"


def _cut(text: str, most: int = 60) -> str:
    text = printable(text)
    return text if len(text) <= most else text[: most - 3] + "..."


def _rest(count: int) -> list[str]:
    return [f"    ... and {count - _MOST:,} more"] if count > _MOST else []


def _held(plan: Plan) -> list[str]:
    if not plan.held:
        return []
    counts = Counter(one.guard for one in plan.held)
    lines = ["", f"Held back: {_count(len(plan.held), 'request')}", ""]
    shown = sorted(plan.held, key=lambda one: (one.guard, one.return_id))
    for guard, count in sorted(counts.items()):
        of_guard = [one for one in shown if one.guard == guard]
        lines += [f"    {one.action:<8} RMA {one.return_id}  {guard}: {one.reason}" for one in of_guard[:5]]
        lines += [f"    ... and {count - 5:,} more: {guard}"] if count > 5 else []
    return lines


def _totals(plan: Plan) -> str:
    kinds = Counter(row.request.action for row in plan.rows)
    parts = ", ".join(f"{kinds[kind]} to {kind}" for kind in KINDS)
    done = f" {plan.done:,} done before." if plan.done else ""
    return f"Plan: {parts}; {len(plan.held):,} held back. Money that moves: {amounts(plan.sums)}.{done}"


def amounts(sums: Mapping[str, Decimal]) -> str:
    """Sums, one per currency, never added up.

    >>> amounts({"USD": Decimal("12.5"), "EUR": Decimal(3)})
    'EUR 3.00, USD 12.50'
    """
    return ", ".join(f"{currency} {amount:,.2f}" for currency, amount in sorted(sums.items())) or "none"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def approved_text(found: Approved) -> str:
    """What a yes led to."""
    said = Counter(found.said)
    lines = [f"Approved: {said[State.APPROVED]} of {_count(len(found.said), 'row')}."]
    if waiting := said[State.PLANNED]:
        lines += [
            f"{_count(waiting, 'row')} wait for a second person: the amount, or a cancel, needs two,"
            " and who asked for it cannot be the only one to approve it."
        ]
    for row, why in zip(found.plan.rows, found.said, strict=True):
        if why not in (State.APPROVED, State.PLANNED):
            lines += [f"    {row.request.action:<8} RMA {row.request.return_id}  {why}"]
    return "\n".join([*lines, f"next: loop-returns apply {found.plan.digest[:SHORT]} --execute"])


def rehearsal_text(trials: Sequence[Trial], stop: str | None) -> str:
    """What apply would do."""
    rows = [
        (
            f"{SYMBOL[one.action.action]} {one.action.action}",
            f"RMA {one.action.return_id}",
            one.would,
            _cut(one.reason),
        )
        for one in trials
    ]
    lines = ["A rehearsal: nothing was sent.", table(("action", "return", "would", "why"), rows)]
    if stop:
        lines += [f"With --execute nothing would be sent now: {stop}"]
    return "\n".join(lines)


def applied_text(done: Applied) -> str:
    """What was done, row by row, and what a person has to look at."""
    rows = [
        (
            f"{SYMBOL[each.action]} {each.action}",
            f"RMA {each.return_id}",
            str(each.state),
            _outcome(each, done),
        )
        for each in done.actions
    ]
    states = Counter(str(each.state) for each in done.actions)
    lines = [table(("action", "return", "state", "why"), rows)] if rows else []
    lines += ["Applied: " + (", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "nothing")]
    if done.report.stopped:
        lines += [f"Stopped early: {done.report.stopped}"]
    if states[State.ACCEPTED]:
        lines += ["ACCEPTED: Loop said yes and is at it; the next run, plan or apply reads it back."]
    return "\n".join(lines + _parked(done.actions))


def _outcome(action: Action, done: Applied) -> str:
    key = action.action_key
    return _cut(done.report.held.get(key) or done.report.unread.get(key) or action.answer_code or "", 80)


def _parked(actions: Sequence[Action]) -> list[str]:
    parked = [each for each in actions if each.state == State.PARKED]
    if not parked:
        return []
    lines = ["", "PARKED: nobody can know what became of these; look at the return in the Loop admin, then"]
    return lines + [
        f"  loop-returns resolve {each.action_key[:SHORT]} --applied (or --not-applied) --reason TEXT"
        for each in parked[:10]
    ]


def overview_text(found: Overview) -> str:
    """All actions, those that need somebody first."""
    lines = [f"STOPPED: the kill switch is on: {found.stopped}"] if found.stopped else []
    if not found.actions:
        return "\n".join([*lines, "No action yet."])
    order = list(State)
    urgent = (State.PARKED, State.IN_DOUBT, State.INTENT)
    shown = sorted(
        found.actions,
        key=lambda each: (each.state not in urgent, -each.updated_at.timestamp(), order.index(each.state)),
    )
    rows = [
        (
            str(each.state),
            each.action,
            f"RMA {each.return_id}",
            f"{each.updated_at:%Y-%m-%d %H:%M}",
            each.action_key[:SHORT],
            _cut(found.reasons.get(each.action_key, ""), min(50, room(_BESIDE_REASON))),
        )
        for each in shown[:_MOST]
    ]
    lines += [table(("state", "action", "return", "since, UTC", "key", "why"), rows), *_rest(len(shown))]
    return "\n".join(lines + _parked(shown))


def action_figures(action: Action, reason: str = "") -> dict[str, Any]:
    """One action for `--json`."""
    names = "action_key return_id action state attempt amount currency plan_digest flagged_item_id"
    names += " http_status answer_code evidence approvers approved_at updated_at"
    return {name: getattr(action, name) for name in names.split()} | {"reason": reason}
