"""The roll-forward closes exactly, whatever became of the returns: edits, reopening, other currencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
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
LIVE = {"open", "review"}
PARTS = ("refund", "gift_card", "exchange_credit_total")
Rows = list[dict[str, Any]]
Roll = Callable[[Rows, Rows], list[tuple[Any, ...]]]
COLUMNS = {
    "return_id": "text",
    "version_key": "text",
    "state": "text",
    "currency": "text",
    "label_status": "text",
    "source": "text",
    **dict.fromkeys(PARTS, "decimal(18, 4)"),
    **dict.fromkeys(("created_at", "updated_at", "observed_at", "fetched_at"), "timestamptz"),
}

money = st.none() | st.decimals(min_value=-5, max_value=500, places=2)
version = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["open", "review", "closed", "cancelled", "expired", "unheard_of", None]),
        "currency": st.sampled_from(["USD", "USD", "JPY", None]),
        "label_status": st.sampled_from(["new", "delivered", None, "?"]),
        "hours": st.integers(-50, 4000),
        **dict.fromkeys(PARTS, money),
    }
)
shops = st.lists(st.lists(version, min_size=1, max_size=5), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def roll(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roll]:
    """Both models as SQL on tables in memory: histories and current returns in, months out."""
    from sqlmesh import Context

    folder = tmp_path_factory.mktemp("liability")
    context = Context(
        paths=[str(transforms_dir())], config=config(Place(folder / "loop.duckdb"), {}, folder / "cache")
    )
    models = {name: context.get_model(f"marts.{name}") for name in ("return_versions", "fin_liability")}
    sql = {
        name: model.render_query_or_raise(execution_time=NOW).sql("duckdb") for name, model in models.items()
    }
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'; attach ':memory:' as loop; use loop")
    database.execute("create schema staging; create schema marts")
    typed = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    for table in ("stg_returns", "stg_return_history"):
        database.execute(f"create table staging.{table} ({typed})")
    for seed in ("return_states", "label_statuses"):
        file = transforms_dir() / "seeds" / f"{seed}.csv"
        database.execute(f"create table staging.seed_{seed} as select * from read_csv('{file}')")

    def rolled(returns: Rows, history: Rows) -> list[tuple[Any, ...]]:
        for table, rows in (("stg_returns", returns), ("stg_return_history", history)):
            database.execute(f"delete from staging.{table}")
            for row in rows:
                places = ", ".join("?" * len(row))
                names = ", ".join(row)
                database.execute(f"insert into staging.{table} ({names}) values ({places})", [*row.values()])
        for name, text in sql.items():
            database.execute(f"create or replace table marts.{name} as {text}")
        return database.execute(
            "select month, currency, component, closing, control, control_returns, closing_returns"
            " from marts.fin_liability order by 1, 2, 3"
        ).fetchall()

    yield rolled
    database.close()
    context.close()


def told(shop: list[list[dict[str, Any]]]) -> tuple[Rows, Rows]:
    """A shop as the tables have it: each return's last version is what it is now."""
    returns, history = [], []
    for number, versions in enumerate(shop):
        created = NOW - timedelta(days=150)
        seen = sorted(versions, key=lambda each: each["hours"])
        for place, each in enumerate(seen):
            at = created + timedelta(hours=each["hours"])
            facts = {name: value for name, value in each.items() if name != "hours"}
            row = facts | {"return_id": str(number), "updated_at": at, "observed_at": at + timedelta(hours=1)}
            history.append(row | {"version_key": str(place), "source": "list"})
        returns.append(
            facts | {"return_id": str(number), "created_at": created, "updated_at": at, "fetched_at": NOW}
        )
    return returns, history


def owed(returns: Rows) -> Counter[tuple[str, str]]:
    """What live returns promise now, by currency and part."""
    found: Counter[tuple[str, str]] = Counter()
    for row in returns:
        for part in PARTS if row["state"] in LIVE else ():
            found[row["currency"] or "XXX", part] += row[part] or Decimal(0)
    return Counter({key: amount for key, amount in found.items() if amount})


def check(roll: Roll, shop: list[list[dict[str, Any]]], *, with_history: bool) -> None:
    returns, history = told(shop)
    rows = roll(returns, history if with_history else [])
    names = dict(zip(("cash", "store_credit", "exchange"), PARTS, strict=True))
    last = max((row[0] for row in rows), default=None)
    closing = {(row[1], names[row[2]]): row[3] for row in rows if row[0] == last and row[3]}

    assert [row for row in rows if row[4] or row[5]] == []
    assert closing == dict(owed(returns))


@given(shop=shops, with_history=st.booleans())
@settings(max_examples=25)
def test_the_roll_forward_closes(roll: Roll, shop: list[list[dict[str, Any]]], with_history: bool) -> None:
    check(roll, shop, with_history=with_history)


@pytest.mark.slow
@given(shop=shops, with_history=st.booleans())
@settings(max_examples=2000)
def test_the_roll_forward_closes_for_thousands(
    roll: Roll, shop: list[list[dict[str, Any]]], with_history: bool
) -> None:
    check(roll, shop, with_history=with_history)


def test_it_tells_what_moved_the_balance(roll: Roll) -> None:
    plain = {"currency": "USD", "label_status": "new", "refund": Decimal(10), "gift_card": None}
    plain |= {"exchange_credit_total": None}
    states = [("open", 0), ("closed", 24 * 40), ("open", 24 * 60), ("cancelled", 24 * 61)]
    shop = [[plain | {"state": state, "hours": hours} for state, hours in states]]

    rows = roll(*told(shop))

    cash = [(row[0].isoformat(), row[3], row[6]) for row in rows if row[2] == "cash"]
    assert cash[0] == ("2026-01-01", 10, 1)
    # Closed in February, back and cancelled in March.
    assert cash[1:] == [(f"2026-0{month}-01", 0, 0) for month in range(2, 7)]
