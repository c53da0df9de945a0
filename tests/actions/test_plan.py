"""The plan: what is in it, what is held back and why, and when its digest is another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.ledgers import NOON, request
from loop_returns.actions.guards import Facts, is_enough
from loop_returns.actions.ledger import Used
from loop_returns.actions.limits import limits
from loop_returns.actions.plan import Inputs, Known, Plan, make_plan
from loop_returns.actions.records import Decision, Request, Row
from loop_returns.actions.requests import Held, request_of
from loop_returns.errors import UsageError

ON: dict[str, Any] = {
    "enabled": True,
    "allow": ["flag", "cancel", "process"],
    "max_share_open": 1,
    **{f"max_amount_per_{span}": {"USD": 100} for span in ("action", "run", "day")},
}
SEEN = {"state": "open", "outcome": "refund", "currency": "USD", "lines": ["1"]}
OPEN = Known(SEEN, Decimal(0), "delivered")


def plan_of(*requests: Request | Held, returns: dict[str, Known] | None = None, **other: Any) -> Plan:
    settings = limits({"actions": ON | other.pop("settings", {})})
    known = {str(n): OPEN for n in range(100)} if returns is None else returns
    inputs = Inputs(requests, known, (), (), Used(), settings, Facts(100), "shop", NOON)
    return make_plan(replace(inputs, **other))


def why(plan: Plan) -> list[str]:
    return [f"{one.guard}: {one.reason}" for one in plan.held]


@pytest.mark.parametrize(
    ("asked", "other", "said"),
    [
        (request("1", "process", amount=None), {}, "amount unknown: process needs"),
        (request("1", "process", currency=None), {}, "amount unknown: process needs"),
        (request("1", "process", amount=Decimal("100.01")), {}, "max_amount_per_action: USD 100.01 is above"),
        (request("1", "process", currency="EUR"), {}, "currency differs: asked for EUR"),
        (request("1", "process"), {"settings": {"allow": ["flag"]}}, "not allowed: process is not in"),
        (
            request("1", "process"),
            {"settings": {"max_amount_per_run": {}}},
            "currency unknown: max_amount_per_run has no USD",
        ),
        (request("1"), {"used": Used(day=100)}, "max_per_day: 100 actions in 24 hours are allowed"),
        (
            request("1", "process"),
            {"used": Used(day_amount={"USD": Decimal("87.51")})},
            "max_amount_per_day: USD 100.01 is above 100.00",
        ),
        (
            request("1"),
            {"facts": Facts(16), "settings": {"max_share_open": 0.05}},
            "max_share_open: 1 of 16 open returns are more than 5%",
        ),
        (
            request("1", "cancel"),
            {"returns": {"1": replace(OPEN, label_status="in_transit")}},
            "scanned: the parcel is on its way, so it cannot be cancelled",
        ),
        (request("1"), {"returns": {}}, "unknown return: it is not in the tables"),
        (request("1"), {"returns": {"1": Known(SEEN | {"state": "review"})}}, "state: the return is review"),
        (
            request("1"),
            {"returns": {"1": Known(SEEN | {"state": "closed"})}},
            "state: the return is closed, and only an open one can be acted on",
        ),
        (
            request("1", expected_outcome="credit"),
            {},
            "stale: its outcome is refund, and was credit when it was asked",
        ),
        (
            request("1", valid_until=NOON - timedelta(hours=1)),
            {},
            "expired: it was to be done before 2026-11-20 11:00 UTC",
        ),
    ],
)
def test_each_guard_of_a_row_says_its_own_words(asked: Request, other: Any, said: str) -> None:
    plan = plan_of(asked, **other)

    assert plan.rows == ()
    assert [text[: len(said)] for text in why(plan)] == [said]


def test_ten_thousand_rows_against_a_limit_of_25() -> None:
    asked = [request(str(n)) for n in range(10_000)]
    plan = plan_of(*asked, returns={str(n): OPEN for n in range(10_000)}, facts=Facts(10_000))

    assert len(plan.rows) == 25
    assert set(why(plan)) == {"max_per_run: 25 actions a run are allowed"}
    assert len(plan.held) == 9_975


def test_six_percent_of_the_open_returns_are_one_too_many_of_five() -> None:
    plan = plan_of(*(request(str(n)) for n in range(6)), settings={"max_share_open": 0.05})

    assert len(plan.rows) == 5
    assert why(plan) == ["max_share_open: 6 of 100 open returns are more than 5%"]


def test_money_of_a_run_adds_up() -> None:
    plan = plan_of(*(request(str(n), "process", amount=Decimal(40)) for n in range(3)))

    assert plan.sums == {"USD": Decimal(80)}
    assert why(plan) == ["max_amount_per_run: USD 120.00 is above 100.00"]


def test_a_request_that_asks_for_less_than_the_return_pays_is_held_by_what_it_pays() -> None:
    plan = plan_of(
        request("1", "process", amount=Decimal(1)), returns={"1": replace(OPEN, money=Decimal(101))}
    )

    assert why(plan) == ["max_amount_per_action: USD 101.00 is above 100.00"]


def test_the_hold_wins_whoever_asked_first() -> None:
    plan = plan_of(request("1", "process"), request("1", "cancel"), request("1", "flag"))

    assert [row.request.action for row in plan.rows] == ["flag"]
    assert why(plan) == ["hold wins: flag of the same return is asked for, too"] * 2


def test_a_hold_that_is_not_allowed_still_holds() -> None:
    plan = plan_of(request("1", "process"), request("1", "flag"), settings={"allow": ["process"]})

    assert plan.rows == ()
    assert "hold wins: flag of the same return is asked for, too" in why(plan)


def test_who_was_released_is_not_asked_for_again_until_the_facts_change() -> None:
    said = Decision("item-1-flag", "reject", "eve", NOON, "facts-1")

    same = plan_of(request("1", evidence_hash="facts-1"), decisions=(said,))
    changed = plan_of(request("1", evidence_hash="facts-2"), decisions=(said,))

    assert why(same) == ["released: eve looked at these facts and let it go"]
    assert len(changed.rows) == 1


def test_a_released_hold_lets_the_process_go() -> None:
    said = Decision("item-1-flag", "reject", "eve", NOON, None)
    plan = plan_of(request("1", "process"), request("1", "flag"), decisions=(said,))

    assert [row.request.action for row in plan.rows] == ["process"]


def test_the_same_input_has_the_same_digest_and_anything_else_another() -> None:
    first = plan_of(request("1"))

    assert plan_of(request("1")).digest == first.digest
    others = [
        plan_of(request("1", reason="other")),
        plan_of(request("1", evidence_hash="x")),
        plan_of(request("1"), settings={"max_per_run": 24}),
        plan_of(request("1"), returns={"1": Known(SEEN | {"lines": ["1", "2"]})}),
        plan_of(request("1"), shop="other"),
    ]
    assert len({first.digest, *(each.digest for each in others)}) == 6


def test_a_plan_comes_back_from_its_file_and_a_changed_file_is_refused() -> None:
    plan = plan_of(request("1", "process", rule_id="R01", valid_until=NOON + timedelta(hours=1)))
    text = plan.to_json()

    assert Plan.from_json(text).rows == plan.rows
    text["rows"][0]["amount"] = "99"
    with pytest.raises(UsageError, match="the digest does not match the plan"):
        Plan.from_json(text)
    with pytest.raises(UsageError, match="no plan"):
        Plan.from_json({"rows": []})


@pytest.mark.parametrize(
    ("asked", "people", "enough"),
    [
        (request("1"), ("ann",), True),
        (request("1", "process", amount=Decimal(50)), ("ann",), True),
        (request("1", "process", amount=Decimal("50.01")), ("ann",), False),
        (request("1", "process", amount=Decimal("50.01")), ("bob",), True),
        (request("1", "process", amount=Decimal("50.01"), rule_id="R01"), ("bob",), False),
        (request("1", "process", amount=Decimal("50.01"), rule_id="R01"), ("bob", "eve"), True),
        (request("1", "cancel"), ("ann",), False),
        (request("1", "cancel"), ("ann", "bob"), True),
    ],
)
def test_who_is_enough(asked: Request, people: tuple[str, ...], enough: bool) -> None:
    settings = limits({"actions": {"second_approver_above": {"USD": 50}}})

    assert is_enough(settings, Row(asked), people) == enough


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("return_id", "1; drop table returns", "the return is '1; drop table returns', not a number"),
        ("return_id", chr(0x661), "the return is"),
        ("return_id", None, "the return is 'None', not a number"),
        ("action", "refund", "the action is 'refund', not one of flag, cancel, process"),
        ("action", "flag\x1b[2J", "the action is 'flag[2J', not one of flag, cancel, process"),
        ("reason", " \n", "reason is empty"),
        ("reason", "a\x00b", "reason is longer than 1000"),
        ("requested_by", "ann\u202e", "requested_by is longer"),
        ("amount", Decimal(-1), "the amount is below zero"),
        ("currency", "usd", "the currency is 'usd', not a code such as USD"),
        ("requested_at", None, "requested_at is not a time"),
    ],
)
def test_a_row_that_cannot_be_is_held_with_its_reason(field: str, value: Any, said: str) -> None:
    row = {name: getattr(request("1"), name) for name in Request.__slots__} | {field: value}  # type: ignore[attr-defined] # dataclass(slots=True) makes them

    plan = plan_of(request_of(row), request("2"))

    assert [text[: len(said) + 9] for text in why(plan)] == [f"bad row: {said}"]
    assert [each.request.return_id for each in plan.rows] == ["2"]


def test_text_that_tries_sql_is_only_text() -> None:
    row = {name: getattr(request("1"), name) for name in Request.__slots__}  # type: ignore[attr-defined] # dataclass(slots=True) makes them

    found = request_of(row | {"reason": "'; drop table ops.actions; --"})

    assert isinstance(found, Request)
    assert found.reason == "'; drop table ops.actions; --"


_ASKED = st.builds(
    lambda n, kind, amount, item: request(str(n), kind, amount=amount, currency="USD", flagged_item_id=item),
    st.integers(0, 5),
    st.sampled_from(["flag", "cancel", "process"]),
    st.decimals(0, 60, places=2),
    st.text("ab", min_size=1, max_size=3),
)


@given(st.lists(_ASKED, max_size=12))
def test_every_request_is_planned_or_held_and_no_limit_is_broken(asked: list[Request]) -> None:
    plan = plan_of(*asked, settings={"max_per_run": 3})

    assert len(plan.rows) + len(plan.held) + plan.done == len(asked)
    assert len({row.request.return_id for row in plan.rows}) == len(plan.rows) <= 3
    assert plan.sums.get("USD", Decimal(0)) <= 100
