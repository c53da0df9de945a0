"""Store credit and upsells, whatever the cards and charges: each row once, nothing lost or mixed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop_returns.warehouse.mart_project import config, transforms_dir
from loop_returns.warehouse.place import Place

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
QUIET = {"matched", "not_due_yet", "timing", "attributed", "not_comparable", "unverifiable"}
Row = dict[str, Any]
Tables = dict[str, list[Row]]
Rows = list[dict[str, Any]]
Judge = Callable[[Tables, str], Rows]

RETURN = {
    "return_id": "text",
    "order_name": "text",
    "state": "text",
    "currency": "text",
    "gift_card_order_name": "text",
    **dict.fromkeys(("gift_card", "upsell", "exchange_credit_total", "handling_fee"), "decimal(18, 4)"),
    **dict.fromkeys(("gift_card_processed_at", "exchange_processed_at"), "timestamptz"),
    **dict.fromkeys(("created_at", "updated_at", "edited_at"), "timestamptz"),
}
TABLES: dict[str, dict[str, str]] = {
    "staging.stg_returns": RETURN,
    "staging.stg_exchanges": {"return_id": "text", "exchange_order_name": "text"},
    "marts.recon_receipt": {
        "return_id": "text",
        "match_class": "text",
        "stage": "int",
        "received_units": "bigint",
        "closed_at": "timestamptz",
    },
    "staging.stg_ext_shopify_gift_cards": {
        "gift_card_id": "text",
        "loop_return_id": "text",
        "api_client_id": "text",
        "is_noted_by_loop": "boolean",
        "initial_value": "decimal(18, 4)",
        "balance": "decimal(18, 4)",
        "bonus_amount": "decimal(18, 4)",
        "currency": "text",
        "created_at": "timestamptz",
        "expires_on": "date",
        "disabled_at": "timestamptz",
    },
    "staging.stg_ext_stripe_charges": {
        "charge_id": "text",
        "loop_return_id": "text",
        "named_order": "text",
        "status": "text",
        "amount": "decimal(18, 4)",
        "amount_refunded": "decimal(18, 4)",
        "fee": "decimal(18, 4)",
        "currency": "text",
        "created_at": "timestamptz",
    },
    "staging.stg_extracts": {"name": "text", "is_present": "boolean", "newest_at": "timestamptz"},
}
MODELS = (
    "staging.stg_loop_gift_cards",
    "marts.recon_store_credit",
    "marts.gift_card_liability",
    "marts.recon_upsell",
)

ids = st.sampled_from(["0", "1", "2", "3", "unknown", None])
orders = st.sampled_from(["#1", "#2", "EXC-1", "#elsewhere", None])
money = st.sampled_from([Decimal(5), Decimal(5), Decimal(7), Decimal("0.01"), Decimal(20)])
when = st.integers(0, 24 * 60).map(lambda hours: NOW - timedelta(hours=hours))
currencies = st.sampled_from(["USD", "USD", "JPY"])
returns = st.fixed_dictionaries(
    {
        "order_name": st.sampled_from(["#1", "#2", None]),
        "state": st.sampled_from(
            ["open", "review", "closed", "closed", "closed", "cancelled", "expired", None]
        ),
        "currency": currencies,
        "gift_card": st.none() | money,
        "upsell": st.none() | money,
        "exchange_credit_total": st.none() | money,
        "gift_card_processed_at": st.none() | when,
        "exchange_processed_at": st.none() | when,
        "created_at": when,
        "updated_at": when,
        "stage": st.none() | st.integers(0, 6),
        "exchange_order_name": st.sampled_from(["EXC-1", "#1", None]),
    }
)
cards = st.fixed_dictionaries(
    {
        "loop_return_id": ids,
        "api_client_id": st.sampled_from(["1662707", "1662707", "other", None]),
        "is_noted_by_loop": st.none() | st.booleans(),
        "initial_value": money,
        "balance": st.none() | money,
        "bonus_amount": st.none() | money,
        "currency": currencies,
        "created_at": when,
        "expires_on": st.none() | when.map(lambda at: at.date()),
        "disabled_at": st.none() | when,
    }
)
charges = st.fixed_dictionaries(
    {
        "loop_return_id": ids,
        "named_order": orders,
        "status": st.sampled_from(["succeeded", "succeeded", "succeeded", "pending", "failed"]),
        "amount": money,
        "amount_refunded": st.sampled_from([None, Decimal(0), Decimal("0.01")]),
        "fee": st.none() | money,
        "currency": currencies,
        "created_at": when,
    }
)
shops = st.tuples(
    st.lists(returns, min_size=1, max_size=4), st.lists(cards, max_size=6), st.lists(charges, max_size=6)
)
Shop = tuple[list[Row], list[Row], list[Row]]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """The models as SQL on tables in memory: rows in, the rows of one mart out."""
    from sqlmesh import Context

    folder = tmp_path_factory.mktemp("credit")
    context = Context(
        paths=[str(transforms_dir())], config=config(Place(folder / "loop.duckdb"), {}, folder / "cache")
    )
    sql = {
        name: context.get_model(name).render_query_or_raise(execution_time=NOW).sql("duckdb")
        for name in MODELS
    }
    context.close()
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'; attach ':memory:' as loop; use loop")
    database.execute("create schema staging; create schema marts")
    for table, columns in TABLES.items():
        typed = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
        database.execute(f"create table {table} ({typed})")
    file = transforms_dir() / "seeds" / "currencies.csv"
    database.execute(f"create table staging.seed_currencies as select * from read_csv('{file}')")
    for name, text in sql.items():
        database.execute(f"create view {name} as {text}")

    def judged(tables: Tables, mart: str) -> Rows:
        for table, columns in TABLES.items():
            database.execute(f"delete from {table}")
            places = ", ".join("?" * len(columns))
            for row in tables[table]:
                values = [row.get(name) for name in columns]
                database.execute(f"insert into {table} values ({places})", values)
        found = database.execute(f"select * from marts.{mart} order by all")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    yield judged
    database.close()


def told(shop: Shop, *, is_present: bool = True, backwards: bool = False) -> Tables:
    """A shop as the tables have it."""
    listed, issued, charged = shop
    own = [row | {"return_id": str(number)} for number, row in enumerate(listed)]
    rows: Tables = {
        "staging.stg_returns": own,
        "staging.stg_exchanges": [row for row in own if row["exchange_order_name"]],
        "marts.recon_receipt": [
            row | {"match_class": "pending", "closed_at": row["updated_at"]} for row in own
        ],
        "staging.stg_ext_shopify_gift_cards": [
            row | {"gift_card_id": f"c{number}"} for number, row in enumerate(issued)
        ],
        "staging.stg_ext_stripe_charges": [
            row | {"charge_id": f"ch{number}"} for number, row in enumerate(charged)
        ],
        "staging.stg_extracts": [
            {"name": name, "is_present": is_present, "newest_at": NOW}
            for name in ("shopify_gift_cards", "stripe_charges")
        ],
    }
    return {name: list(reversed(each)) if backwards else each for name, each in rows.items()}


def sums(rows: Sequence[Row], amount: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row["currency"]] += row[amount]
    return found


def kept(rows: Rows, side: str) -> Counter[str]:
    """What is charged and kept, of the returns, or of the charges that are judged there."""
    found: Counter[str] = Counter()
    for row in rows:
        if row["entity"].startswith(side) and (side == "return:" or row["match_class"] == "attributed"):
            found[row["currency"]] += row["charged"] - row["refunded"] + row["instant_charged"]
    return found


def by_loop(row: Row) -> bool:
    known = row["api_client_id"]
    return bool(known == "1662707" if known else row["is_noted_by_loop"])


def check_credit(judge: Judge, shop: Shop) -> None:
    rows = judge(told(shop), "recon_store_credit")
    promised = [row for row in shop[0] if (row["gift_card"] or 0) > 0]
    made = [row for row in shop[1] if by_loop(row)]

    assert len({row["entity"] for row in rows}) == len(rows) == len(promised) + len(made)
    assert sums(rows, "amount") == sums(promised, "gift_card") + sums(made, "initial_value")
    assert all((row["severity"] is None) == (row["match_class"] in QUIET) for row in rows)
    assert judge(told(shop, backwards=True), "recon_store_credit") == rows


def check_liability(judge: Judge, shop: Shop) -> None:
    rows = judge(told(shop), "gift_card_liability")

    assert sums(rows, "issued") == sums([row for row in shop[1] if by_loop(row)], "initial_value")
    assert [row for row in rows if row["control"]] == []
    assert all(0 <= row["untouched_amount"] <= row["balance"] for row in rows)


def check_upsell(judge: Judge, shop: Shop) -> None:
    rows = judge(told(shop), "recon_upsell")
    paying = [row for row in shop[0] if (row["upsell"] or 0) > 0 or (row["exchange_credit_total"] or 0) > 0]
    known = {row[name] for row in shop[0] for name in ("order_name", "exchange_order_name")}
    known.discard(None)
    named = [
        row
        for row in shop[2]
        if row["status"] == "succeeded" and (row["loop_return_id"] or row["named_order"] in known)
    ]
    assert len({row["entity"] for row in rows}) == len(rows) == len(paying) + len(named)
    plain = [row | {"upsell": row["upsell"] or 0} for row in paying]
    assert sums(rows, "amount") == sums(plain, "upsell") + sums(named, "amount")
    assert all((row["severity"] is None) == (row["match_class"] in QUIET) for row in rows)
    at_returns, at_charges = kept(rows, "return:"), kept(rows, "charge:")
    paid = [row for row in shop[2] if row["status"] == "succeeded"]
    there = sums(paid, "amount")
    there.subtract(sums([row | {"back": row["amount_refunded"] or 0} for row in paid], "back"))
    assert all(at_charges[one] <= at_returns[one] <= there[one] for one in ("USD", "JPY"))
    assert judge(told(shop, backwards=True), "recon_upsell") == rows


def check_absent(judge: Judge, shop: Shop) -> None:
    """Without exports there are no cards and no charges."""
    tables = told((shop[0], [], []), is_present=False)

    for mart in ("recon_store_credit", "recon_upsell"):
        assert {row["match_class"] for row in judge(tables, mart)} <= {"unverifiable"}
    assert judge(tables, "gift_card_liability") == []


CHECKS = (check_credit, check_liability, check_upsell, check_absent)


@pytest.mark.parametrize("check", CHECKS)
@given(shop=shops)
@settings(max_examples=20)
def test_what_holds_in_any_shop(judge: Judge, check: Callable[[Judge, Shop], None], shop: Shop) -> None:
    check(judge, shop)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@given(shop=shops)
@settings(max_examples=1000)
def test_what_holds_in_thousands_of_shops(
    judge: Judge, check: Callable[[Judge, Shop], None], shop: Shop
) -> None:
    check(judge, shop)
