"""What keeps an approved action from being sent: each guard has its own words.

A guard never changes a state: what it holds stays approved, or in the plan's list of what is held back.
Source: actions.md, section 3.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from loop_returns.actions.ledger import Check, Used
from loop_returns.actions.limits import Limits
from loop_returns.actions.records import Action, Row
from loop_returns.actions.states import State

MAX_TRIES = 5
_SHARE_AFTER = 10
_GOOD = (State.ACCEPTED, State.CONFIRMED, State.ALREADY)
_BAD = (State.REJECTED, State.IN_DOUBT, State.PARKED)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the tables say that guards need.

    Attributes:
        open_returns: Returns in state open; None: not known, so the share cannot be held.
        blocks: Checks of marts.data_quality that say: act on nothing.
    """

    open_returns: int | None = None
    blocks: tuple[str, ...] = ()


def before_run(limits: Limits, facts: Facts, now: datetime, stop: str | None) -> str | None:
    """Why nothing at all may be sent now."""
    if stop:
        return f"stopped: the kill switch is on ({stop})"
    if not limits.enabled:
        return "disabled: [actions] enabled is false in loop.toml"
    first, last = limits.hours
    if not first <= now.hour < last:
        return f"hours: it is {now:%H:%M} UTC, and actions are allowed from {first} to {last}"
    if facts.blocks:
        return f"data quality: {', '.join(facts.blocks)} says to act on nothing (marts.data_quality)"
    return None


def of_row(limits: Limits, row: Row) -> str | None:
    """Why one row may not be sent, whatever else is."""
    request = row.request
    if request.action not in limits.allow:
        return f"not allowed: {request.action} is not in [actions] allow"
    if request.action != "process":
        return None
    if request.amount is None or not request.currency:
        return "amount unknown: process needs an amount and a currency"
    if request.amount < 0:
        return f"amount unknown: {request.amount} is below zero"
    return _over(limits.max_amount_per_action, "max_amount_per_action", request.currency, request.amount)


def _over(allowed: Mapping[str, Decimal], name: str, currency: str, amount: Decimal) -> str | None:
    if currency not in allowed:
        return f"currency unknown: {name} has no {currency}"
    if amount > allowed[currency]:
        return f"{name}: {currency} {amount:,.2f} is above {allowed[currency]:,.2f}"
    return None


def of_totals(limits: Limits, row: Row, used: Used, open_returns: int | None) -> str | None:
    """Why one more row would be too many, after what `used` counts."""
    if used.run + 1 > limits.max_per_run:
        return f"max_per_run: {limits.max_per_run} actions a run are allowed"
    if used.day + 1 > limits.max_per_day:
        return f"max_per_day: {limits.max_per_day} actions in 24 hours are allowed"
    if open_returns is not None and used.run + 1 > limits.max_share_open * open_returns:
        return (
            f"max_share_open: {used.run + 1} of {open_returns} open returns are more than"
            f" {limits.max_share_open:.0%}"
        )
    request = row.request
    if request.action != "process" or request.amount is None or not request.currency:
        return None
    run = used.run_amount.get(request.currency, Decimal(0)) + request.amount
    day = used.day_amount.get(request.currency, Decimal(0)) + request.amount
    return _over(limits.max_amount_per_run, "max_amount_per_run", request.currency, run) or _over(
        limits.max_amount_per_day, "max_amount_per_day", request.currency, day
    )


def counted(used: Used, row: Row) -> Used:
    """What is used with one more row."""
    request = row.request
    run, day = dict(used.run_amount), dict(used.day_amount)
    if request.action == "process" and request.amount is not None and request.currency:
        for sums in (run, day):
            sums[request.currency] = sums.get(request.currency, Decimal(0)) + request.amount
    return Used(used.day + 1, used.run + 1, day, run)


def claim_check(limits: Limits, action: Action, facts: Facts) -> Check:
    """All limits of one action, to be asked in the transaction that writes its intent."""

    def check(used: Used) -> str | None:
        return of_row(limits, action.row) or of_totals(limits, action.row, used, facts.open_returns)

    return check


def is_enough(limits: Limits, row: Row, people: tuple[str, ...]) -> bool:
    """Whether these approvers are enough: two people for much money, and for every cancel.

    The one who asked counts as the first of the two; a rule is nobody.
    """
    others = [person for person in people if person != row.request.requested_by or row.request.rule_id]
    if not needs_two(limits, row):
        return bool(people)
    return len(others) >= (2 if row.request.rule_id else 1)


def needs_two(limits: Limits, row: Row) -> bool:
    """Whether one person alone may not decide it."""
    request = row.request
    if request.action == "cancel":
        return True
    above = limits.second_approver_above.get(request.currency or "")
    return request.action == "process" and above is not None and (request.amount or 0) > above


@dataclass(slots=True)
class Stops:
    """Counts what happens in a run and says when it must end."""

    limits: Limits
    in_a_row: int = 0
    in_doubt: int = 0
    done: int = 0
    failed: int = 0
    reasons: list[str] = field(default_factory=list)

    def note(self, state: State) -> None:
        """Count where an action ended up."""
        if state in _GOOD:
            self.in_a_row = 0
        elif state in _BAD:
            self.in_a_row += 1
            self.failed += 1
            self.in_doubt += state != State.REJECTED
        if state in _GOOD or state in _BAD:
            self.done += 1
        self._judge()

    def _judge(self) -> None:
        limits = self.limits
        if self.in_a_row >= limits.stop_after_errors:
            self.reasons.append(f"stop_after_errors: {self.in_a_row} errors in a row")
        if self.in_doubt >= limits.stop_in_doubt:
            self.reasons.append(f"stop_in_doubt: {self.in_doubt} actions in doubt")
        if self.done >= _SHARE_AFTER and self.failed > limits.stop_failed_share * self.done:
            self.reasons.append(f"stop_failed_share: {self.failed} of {self.done} failed")
