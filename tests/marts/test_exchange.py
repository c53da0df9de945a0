"""What holds of the exchange marts whatever the shop looks like: one class a row, nothing lost, any order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rendered import Marts, rendered

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MODELS = (
    "marts.recon_exchange_matches",
    "marts.recon_exchange_lines",
    "marts.recon_exchange",
    "marts.recon_exchange_clearing",
    "marts.fin_sales_adjustment_lines",
    "marts.fin_sales_adjustment",
)
MONEY, TIME = "decimal(18, 4)", "timestamptz"
COLUMNS = {
    "staging.stg_returns": {
        **dict.fromkeys(("return_id", "state", "currency", "provider_order_id", "order_name"), "text"),
        **dict.fromkeys(
            (
                "exchange_total",
                "exchange_credit_total",
                "return_credit_total",
                "return_total",
                "refund_shipping_total",
                "refund_shipping_tax_total",
                "gift_card",
            ),
            MONEY,
        ),
        **dict.fromkeys(
            ("created_at", "updated_at", "edited_at", "exchange_processed_at", "gift_card_processed_at"), TIME
        ),
        "was_processed": "boolean",
    },
    "staging.stg_exchanges": {
        **dict.fromkeys(("return_id", "exchange_order_id", "exchange_order_name", "sku"), "text"),
        **dict.fromkeys(("price", "discount", "tax"), MONEY),
        "exchange_no": "bigint",
        "out_of_stock": "boolean",
        "out_of_stock_resolution": "text",
    },
    "staging.stg_return_lines": {"return_id": "text", "provider_line_item_id": "text"},
    "marts.recon_receipt": {"return_id": "text", "closed_at": TIME},
    "staging.stg_ext_shopify_orders": {
        **dict.fromkeys(("order_id", "name", "currency"), "text"),
        **dict.fromkeys(("total", "discount", "tax"), MONEY),
        **dict.fromkeys(("created_at", "cancelled_at"), TIME),
    },
    "staging.stg_ext_shopify_order_lines": {
        **dict.fromkeys(("order_id", "line_id", "sku", "currency", "shopify_return_id"), "text"),
        **dict.fromkeys(("price", "discount", "tax"), MONEY),
        "quantity": "bigint",
        "created_at": TIME,
    },
    "staging.stg_ext_shopify_returns": {
        **dict.fromkeys(("shopify_return_id", "order_id", "status"), "text"),
        "exchange_line_count": "bigint",
        "created_at": TIME,
    },
    "staging.stg_ext_loop_sales_adjustment": {
        "day": "date",
        **dict.fromkeys(("order_name", "currency"), "text"),
        **dict.fromkeys(("discounts", "returns", "net_sales"), MONEY),
    },
    "staging.stg_extracts": {"name": "text", "is_present": "boolean", "newest_at": TIME},
}
EXTRACTS = ("shopify_orders", "shopify_order_lines", "shopify_returns", "loop_sales_adjustment")
FIRST = ("A", "B", None)
OWN = ("X1", "X2", "A")
"""Orders of exchanges; the last one is a first order too, so that exchanges of exchanges come up."""

money = st.none() | st.decimals(min_value=0, max_value=90, places=2)
currency = st.sampled_from(["USD", "USD", "JPY", None])
sku = st.sampled_from(["RED", "BLUE", None])
hours = st.integers(0, 90 * 24)
item = st.fixed_dictionaries(
    {
        "exchange_order_id": st.sampled_from([*FIRST, *OWN]),
        "sku": sku,
        "price": money,
        "discount": money,
        "tax": money,
        "out_of_stock": st.sampled_from([False, False, True, None]),
        "out_of_stock_resolution": st.sampled_from([None, "refund"]),
    }
)
a_return = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["open", "closed", "closed", "review", "cancelled", "expired", None]),
        "currency": currency,
        "provider_order_id": st.sampled_from([*FIRST, "X1"]),
        "exchange_total": money,
        "exchange_credit_total": money,
        "return_credit_total": money,
        "return_total": money,
        "gift_card": money,
        "hours": hours,
        "items": st.lists(item, max_size=3),
    }
)
an_order = st.fixed_dictionaries(
    {
        "total": money,
        "discount": money,
        "tax": money,
        "currency": currency,
        "hours": hours,
        "is_cancelled": st.booleans(),
    }
)
line = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(["A", "B", "X1", "X2"]),
        "sku": sku,
        "quantity": st.integers(1, 3),
        "price": money,
        "tax": money,
        "currency": currency,
        "shopify_return_id": st.sampled_from([None, "s0", "s1"]),
        "hours": hours,
    }
)
theirs = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(["A", "B"]),
        "status": st.sampled_from(["CLOSED", "CANCELED"]),
        "exchange_line_count": st.sampled_from([None, 0, 1]),
        "hours": hours,
    }
)
reported = st.fixed_dictionaries(
    {
        "order_name": st.sampled_from([None, "#A", "EXC-X1"]),
        "currency": st.sampled_from(["USD", "JPY"]),
        "discounts": money,
        "returns": money,
        "net_sales": money,
        "hours": hours,
    }
)
shops = st.fixed_dictionaries(
    {
        "returns": st.lists(a_return, min_size=1, max_size=5),
        "orders": st.dictionaries(st.sampled_from(["A", "X1", "X2"]), an_order),
        "lines": st.lists(line, max_size=6),
        "theirs": st.lists(theirs, max_size=3),
        "report": st.lists(reported, max_size=3),
        "present": st.sets(st.sampled_from(EXTRACTS)),
    }
)
Shop = dict[str, Any]
Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marts]:
    with rendered(MODELS, COLUMNS, NOW, tmp_path_factory.mktemp("exchange")) as built:
        yield built


def _at(row: dict[str, Any]) -> datetime:
    return NOW - timedelta(hours=row["hours"])


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("hours", *names)}


def tables(shop: Shop) -> Tables:
    """A shop as the models read it; an extract that is not present has no rows."""
    made: Tables = {name: [] for name in COLUMNS}
    for number, row in enumerate(shop["returns"]):
        key = {"return_id": str(number)}
        name = f"#{row['provider_order_id']}" if row["provider_order_id"] else None
        times = {"created_at": _at(row), "updated_at": _at(row), "order_name": name}
        made["staging.stg_returns"].append(_without(row, "items") | key | times)
        made["marts.recon_receipt"].append(key | {"closed_at": _at(row)})
        made["staging.stg_return_lines"].append(key | {"provider_line_item_id": str(number)})
        made["staging.stg_exchanges"] += [
            each | key | {"exchange_no": place} for place, each in enumerate(row["items"], 1)
        ]
    exports = {
        "shopify_orders": [
            _without(row, "is_cancelled")
            | {"order_id": name, "name": f"EXC-{name}", "created_at": _at(row)}
            | {"cancelled_at": _at(row) if row["is_cancelled"] else None}
            for name, row in shop["orders"].items()
        ],
        "shopify_order_lines": [
            _without(row) | {"line_id": str(place), "created_at": _at(row)}
            for place, row in enumerate(shop["lines"])
        ],
        "shopify_returns": [
            _without(row) | {"shopify_return_id": f"s{place}", "created_at": _at(row)}
            for place, row in enumerate(shop["theirs"])
        ],
        "loop_sales_adjustment": [_without(row) | {"day": _at(row).date()} for row in shop["report"]],
    }
    for name in shop["present"]:
        made[f"staging.stg_ext_{name}"] = exports[name]
        newest = max((row.get("created_at", NOW) for row in exports[name]), default=None)
        made["staging.stg_extracts"].append({"name": name, "is_present": True, "newest_at": newest})
    return made


def check(marts: Marts, shop: Shop) -> None:
    shown = tables(shop)
    marts.build(shown)
    with_items = Counter(str(place) for place, row in enumerate(shop["returns"]) if row["items"])

    for name in ("recon_exchange", "recon_exchange_matches"):
        assert Counter(row[0] for row in marts.rows(f"select return_id from marts.{name}")) == with_items
    assert marts.rows("select * from marts.recon_exchange where match_class is null") == []
    if "shopify_orders" not in shop["present"] and not {"shopify_order_lines", "shopify_returns"} & set(
        shop["present"]
    ):
        assert marts.rows("select * from marts.recon_exchange where severity is not null") == []
    _check_clearing(marts, shop)
    _check_adjustment(marts, shop)
    before = [sorted(marts.rows(f"from {name}"), key=repr) for name in MODELS]
    marts.build({name: random.Random(5).sample(rows, len(rows)) for name, rows in shown.items()})
    assert [sorted(marts.rows(f"from {name}"), key=repr) for name in MODELS] == before


def _check_clearing(marts: Marts, shop: Shop) -> None:
    """Each currency has what its own returns say, and no more; the control is 0."""
    said: Counter[str] = Counter()
    for row in shop["returns"]:
        if row["items"]:
            said[row["currency"] or "XXX"] += row["exchange_credit_total"] or Decimal(0)
    found = marts.rows(
        "select currency, sum(amount), count(*) - count(distinct month)"
        " from marts.recon_exchange_clearing group by 1"
    )
    assert {key: amount for key, amount, _ in found if amount} == {k: v for k, v in said.items() if v}
    assert [row for row in found if row[2]] == []
    assert marts.rows("select * from marts.recon_exchange_clearing where control <> 0") == []
    per_currency = marts.rows(
        "select coalesce(currency, 'XXX'), count(*) from marts.recon_exchange group by 1 order by 1"
    )
    assert per_currency == marts.rows(
        "select currency, sum(returns)::bigint from marts.recon_exchange_clearing group by 1 order by 1"
    )


def _check_adjustment(marts: Marts, shop: Shop) -> None:
    """The days have what the lines have, and without Loop's report nothing is judged."""
    sums = "sum(discounts), sum(returns), sum(amount)"
    lines = f"select coalesce(currency, 'XXX'), count(*), {sums} from marts.fin_sales_adjustment_lines"
    days = f"select currency, sum(sources)::bigint, {sums} from marts.fin_sales_adjustment where sources > 0"
    assert marts.rows(f"{lines} group by 1 order by 1") == marts.rows(f"{days} group by 1 order by 1")
    if "loop_sales_adjustment" not in shop["present"]:
        assert marts.rows("select distinct match_class from marts.fin_sales_adjustment") in (
            [],
            [("unverifiable",)],
        )


@given(shop=shops)
@settings(max_examples=25)
def test_one_class_a_row_nothing_lost_and_any_order(marts: Marts, shop: Shop) -> None:
    check(marts, shop)


@pytest.mark.slow
@given(shop=shops)
@settings(max_examples=2000)
def test_one_class_a_row_nothing_lost_and_any_order_for_thousands(marts: Marts, shop: Shop) -> None:
    check(marts, shop)
