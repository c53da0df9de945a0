"""`[actions]` of loop.toml: what may be done at all, how much of it, and when to stop.

The built-in defaults stand here and nowhere else; docs/loop.example.toml shows them. All of them are hashed
into a plan: a plan that was approved under other limits is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from loop_returns.actions.records import digest_of
from loop_returns.actions.states import KINDS
from loop_returns.errors import UsageError

DEFAULTS: Mapping[str, Any] = {
    "enabled": False,
    "allow": ["flag"],
    "max_per_run": 25,
    "max_per_day": 100,
    "max_share_open": 0.05,
    "max_amount_per_action": {},
    "max_amount_per_run": {},
    "max_amount_per_day": {},
    "second_approver_above": {},
    "approval_hours": 72,
    "hours": [0, 24],
    "blocking_checks": ["coverage_hole", "freshness"],
    "requests_per_minute": 60,
    "settle_seconds": 900,
    "send_window_seconds": 20,
    "canary_seconds": 60,
    "confirm_seconds": 60,
    "stop_after_errors": 3,
    "stop_in_doubt": 2,
    "stop_failed_share": 0.2,
    "marker_verified": False,
}
_WHOLE = {
    "max_per_run": (0, 100_000),
    "max_per_day": (0, 100_000),
    "approval_hours": (1, 24 * 365),
    "requests_per_minute": (1, 300),
    "settle_seconds": (120, 86_400),
    "send_window_seconds": (1, 60),
    "canary_seconds": (0, 3600),
    "confirm_seconds": (0, 3600),
    "stop_after_errors": (1, 1000),
    "stop_in_doubt": (1, 1000),
}
Amounts = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of `[actions]`, checked.

    Attributes:
        enabled: Whether `apply --execute` may send anything.
        allow: Actions that may be sent.
        max_per_day: In any 24 hours, over all runs; counted when an intent is written.
        max_share_open: Largest part of the open returns that one run may touch.
        max_amount_per_action: Per currency, of `process`; a currency that is not named is refused.
        second_approver_above: Per currency: from here on requester and approver are two people.
        approval_hours: An approval ends after it.
        hours: From and to, UTC, in which something may be sent.
        blocking_checks: Checks of marts.data_quality that hold everything when they say `block`.
        settle_seconds: How old an intent must be before "still open" says anything.
        send_window_seconds: How long after its own intent a run may still send.
        canary_seconds: How long the first `process` is waited for, alone.
        confirm_seconds: How long `apply` reads back before it leaves the rest to the next command.
        marker_verified: A sandbox showed that the body of `process` appears among the notes at once.
    """

    enabled: bool
    allow: tuple[str, ...]
    max_per_run: int
    max_per_day: int
    max_share_open: float
    max_amount_per_action: Amounts
    max_amount_per_run: Amounts
    max_amount_per_day: Amounts
    second_approver_above: Amounts
    approval_hours: int
    hours: tuple[int, int]
    blocking_checks: tuple[str, ...]
    requests_per_minute: int
    settle_seconds: int
    send_window_seconds: int
    canary_seconds: int
    confirm_seconds: int
    stop_after_errors: int
    stop_in_doubt: int
    stop_failed_share: float
    marker_verified: bool
    digest: str


def limits(merchant: Mapping[str, Any]) -> Limits:
    """Read `[actions]` from the content of loop.toml.

    Raises:
        UsageError: A name is unknown or a value cannot be.

    >>> limits({}).allow
    ('flag',)
    """
    given = merchant.get("actions", {})
    if not isinstance(given, Mapping):
        raise UsageError("[actions] in loop.toml is not a table")
    for name in given:
        if name not in DEFAULTS:
            raise UsageError(
                f"actions.{name} in loop.toml is no setting", hint="known there: " + ", ".join(DEFAULTS)
            )
    values = {name: given.get(name, default) for name, default in DEFAULTS.items()}
    checked = {name: _checked(name, value) for name, value in values.items()}
    return Limits(**checked, digest=digest_of(values))


def _checked(name: str, value: object) -> Any:  # noqa: ANN401 # what the field of that name holds
    if name in _WHOLE:
        return _whole(name, value)
    if isinstance(DEFAULTS[name], Mapping):
        return _amounts(name, value)
    if isinstance(DEFAULTS[name], bool):
        return value if isinstance(value, bool) else _refuse(name, value, "true or false")
    if name == "allow":
        return _kinds(value)
    if name == "blocking_checks":
        return _texts(name, value)
    if name == "hours":
        return _hours(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        _refuse(name, value, "a share from 0 to 1")
    return float(value)


def _whole(name: str, value: object) -> int:
    low, high = _WHOLE[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        _refuse(name, value, f"a whole number from {low} to {high}")
    return value


def _kinds(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(each in KINDS for each in value):
        _refuse("allow", value, "a list of " + ", ".join(KINDS))
    return tuple(value)


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        _refuse(name, value, "a list of texts")
    return tuple(value)


def _hours(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(hour) is int for hour in value):
        _refuse("hours", value, "two hours of the day in UTC, such as [8, 18]")
    if not 0 <= value[0] < value[1] <= 24:
        _refuse("hours", value, "two hours of the day in UTC, the first before the second")
    return value[0], value[1]


def _amounts(name: str, value: object) -> Amounts:
    if not isinstance(value, Mapping):
        _refuse(name, value, "a table of amounts, such as { USD = 300 }")
    found: dict[str, Decimal] = {}
    for currency, amount in value.items():
        is_code = len(currency) == 3 and currency.isalpha() and currency.isupper()
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not is_code or not is_number or not 0 <= amount < 1e12:
            _refuse(name, value, "a table of amounts by currency, such as { USD = 300 }")
        found[currency] = Decimal(str(amount))
    return found


def _refuse(name: str, value: object, wanted: str) -> NoReturn:
    raise UsageError(f"actions.{name} in loop.toml cannot be {value!r}", hint=f"it must be {wanted}")
