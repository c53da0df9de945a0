"""`[actions]` of loop.toml: what is refused, and that a plan knows its limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from loop_returns.actions.limits import limits
from loop_returns.errors import UsageError


def test_nothing_is_on_until_it_is_turned_on() -> None:
    shipped = limits({})

    assert not shipped.enabled
    assert shipped.allow == ("flag",)
    assert shipped.max_amount_per_action == {}


def test_amounts_are_exact() -> None:
    assert limits({"actions": {"max_amount_per_run": {"USD": 0.1}}}).max_amount_per_run == {
        "USD": Decimal("0.1")
    }


def test_other_limits_have_another_digest() -> None:
    assert limits({}).digest == limits({"actions": {"max_per_run": 25}}).digest
    assert limits({}).digest != limits({"actions": {"max_per_run": 26}}).digest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_per_rnu", 3),
        ("enabled", "yes"),
        ("allow", ["refund"]),
        ("allow", "flag"),
        ("max_per_run", -1),
        ("max_per_run", 2.5),
        ("max_per_run", True),
        ("max_share_open", 1.5),
        ("max_share_open", float("nan")),
        ("hours", [18, 8]),
        ("hours", [8]),
        ("settle_seconds", 40),
        ("max_amount_per_run", 100),
        ("max_amount_per_run", {"usd": 100}),
        ("max_amount_per_run", {"USD": "100"}),
        ("max_amount_per_run", {"USD": float("inf")}),
        ("max_amount_per_run", {"USD": -1}),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=rf"actions\.{name} in loop\.toml"):
        limits({"actions": {name: value}})
