"""Each notebook says what the published file says: its figures against the planted truth and plain SQL."""

from __future__ import annotations

import csv
import io
import re
import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.notebooks.page import Page, run
from tests.support.whole_shop import WholeShop

from loop_returns.notebooks.catalogue import NOTEBOOKS
from loop_returns.notebooks.parts import Figure
from loop_returns.notebooks.requested import Requests
from loop_returns.notebooks.shop import Shop

Rows = list[dict[str, Any]]


def planted(shop: WholeShop, mart: str) -> dict[str, str]:
    return {key: kind for (name, key), kind in shop.expected.items() if name == mart}


def total(rows: Rows, column: str) -> Any:
    return sum(row[column] for row in rows)


@pytest.fixture(scope="module", params=NOTEBOOKS)
def page(request: pytest.FixtureRequest, whole_shop: WholeShop) -> Page:
    return run(request.param, whole_shop.published)


def test_each_begins_with_its_head_and_ends_in_a_file_that_flag_takes(page: Page) -> None:
    last = page.parts[-1]

    assert type(page.parts[0]).__name__ == "Header"
    assert isinstance(last, Requests)
    asked = list(csv.DictReader(io.StringIO(last.csv())))
    assert {row["return_id"] for row in asked} == {row["return_id"] for row in last.rows.to_pylist()}
    assert all(row["action"] in ("flag", "process", "cancel") and row["reason"] for row in asked)
    assert all(row["return_id"].isdigit() and len(row["reason"]) <= 200 for row in asked)


def test_each_figure_says_its_period_its_source_and_its_sql(page: Page) -> None:
    for part in page.parts:
        if isinstance(part, Figure):
            assert part.caption.startswith("Period: "), part.title
            assert (
                "Source: marts." in part.caption
                or "Source: staging." in part.caption
                or ("Source: ops." in part.caption)
            ), part.title
            assert part.sql.lower().startswith(("select", "with")), part.title
            assert "older than the table" not in part.markdown(), part.title
            assert part.chart is None or '<svg role="img" aria-label="' in part.drawn, part.title


def test_everything_here(whole_shop: WholeShop) -> None:
    page = run("everything_here", whole_shop.published)

    assert "days are covered, in each pass." in page.words
    apart = page.rows("Where the sources differ")
    ((breaks,),) = whole_shop.rows("select count(*) from marts.recon_endpoint where severity is not null")
    assert len(apart) == breaks > 0
    ((returns,),) = whole_shop.rows("select count(*) from marts.recon_endpoint")
    assert total(page.rows("Which source knows the return?"), "returns") == returns
    assert {row["subject"] for row in page.rows("Is the notice's id")} == {
        "asn_id",
        "purchase_price",
        "outcome",
    }
    assert "missing_rate" in {row["check_id"] for row in page.rows("What changed")}


def test_everything_here_of_a_few_days(whole_shop: WholeShop) -> None:
    page = run(
        "everything_here",
        whole_shop.published,
        **{"from": "2026-11-10", "to": "2026-11-12", "source": "returns"},
    )

    coverage = page.rows("Which days were read?")
    assert {row["day"] for row in coverage} == {date(2026, 11, 10) + timedelta(days=n) for n in range(3)}
    assert {row["what"] for row in coverage} == {"returns: default", "returns: cancelled", "returns: review"}


def test_money_foots(whole_shop: WholeShop) -> None:
    page = run("money_foots", whole_shop.published, currency="EUR")

    assert (
        total(page.rows("Which identities hold"), "returns")
        == whole_shop.rows("select count(*) from marts.recon_money where currency = 'EUR'")[0][0]
    )
    steps = {row["step"]: row for row in page.rows("From the goods")}
    ((goods, gets),) = whole_shop.rows(
        "select sum(return_product_total), sum(return_total) from staging.stg_returns where currency = 'EUR'"
    )
    assert steps["goods"]["to_amount"] == goods
    assert steps["return total"]["to_amount"] == gets
    assert steps["fee"]["to_amount"] == steps["not explained"]["to_amount"]
    largest = page.rows("The 20 largest")
    assert {row["currency"] for row in largest} == {"EUR"}
    assert [row["match_class"] for row in largest] == sorted(row["match_class"] for row in largest)


def test_exchanges_finds_what_was_planted(whole_shop: WholeShop) -> None:
    truth = planted(whole_shop, "recon_exchange")
    found: dict[str, str] = {}
    for currency in ("USD", "EUR"):
        page = run("exchanges", whole_shop.published, currency=currency)
        found |= {row["return_id"]: row["match_class"] for row in page.rows("Missing, doubled")}

    truth = {key: kind for key, kind in truth.items() if kind not in ("timing", "pending_not_processed")}
    assert {key: kind for key, kind in found.items() if key in truth} == truth
    ((exchanges,),) = whole_shop.rows("select count(*) from marts.recon_exchange")
    assert total(page.rows("Exchange orders of their own"), "returns") == exchanges
    assert {row["control"] for row in page.rows("Does the credit clear?")} == {Decimal(0)}


def test_exchanges_counts_each_upsell_once_and_what_came_in(whole_shop: WholeShop) -> None:
    rows = run("exchanges", whole_shop.published).rows("Was the upsell collected?")

    promised = whole_shop.rows(
        "select currency, sum(upsell) from staging.stg_returns where upsell > 0 group by all order by 1"
    )
    for currency, upsell in promised:
        assert sum(row["upsell"] for row in rows if row["currency"] == currency) == upsell
    assert {"matched", "missing_charge"} <= {row["match_class"] for row in rows}


def test_what_we_owe_shows_the_store_credit_breaks_that_were_planted(whole_shop: WholeShop) -> None:
    page = run("what_we_owe", whole_shop.published)

    truth = {key: kind for key, kind in planted(whole_shop, "recon_store_credit").items() if key.isdigit()}
    found = {row["return_id"]: row["match_class"] for row in page.rows("Store credit that was promised")}
    wrong = ("missing_card", "amount_break", "duplicate_card")
    assert {key: kind for key, kind in truth.items() if kind in wrong}.items() <= found.items()
    assert {row["control"] for row in page.rows("Store credit that is out")} == {Decimal(0)}


def test_refunds_shopify_finds_what_was_planted(whole_shop: WholeShop) -> None:
    truth = planted(whole_shop, "recon_refund")
    found: dict[str, str] = {}
    for currency in ("USD", "EUR"):
        page = run("refunds_shopify", whole_shop.published, currency=currency)
        rows = page.rows("Money that left")
        assert {row["currency"] for row in rows} <= {currency}
        found |= {row["return_id"]: row["match_class"] for row in rows if row["return_id"]}

    wrong = ("paid_early", "paid_on_dead_return", "over_refund", "amount_break")
    assert {key: kind for key, kind in found.items() if kind in wrong} == {
        key: kind for key, kind in truth.items() if kind in wrong
    }
    ladder = page.rows("How each refund was matched")
    assert total(ladder, "entities") == whole_shop.rows("select count(*) from marts.recon_refund")[0][0]


def test_refunds_shopify_of_one_class(whole_shop: WholeShop) -> None:
    page = run("refunds_shopify", whole_shop.published, currency="USD", **{"class": "paid_early"})

    assert {row["match_class"] for row in page.rows("Money that left")} == {"paid_early"}
    assert {row["match_class"] for row in page.rows("Due against paid")} == {"paid_early"}


def test_goods_finds_what_was_planted(whole_shop: WholeShop) -> None:
    page = run("goods", whole_shop.published)

    truth = planted(whole_shop, "recon_receipt")
    shown = {row["return_id"]: row["match_class"] for row in page.rows("Units missing")}
    wrong = ("short_receipt", "over_receipt", "unexpected_item")
    assert {key: kind for key, kind in shown.items() if kind in wrong} == {
        key: kind for key, kind in truth.items() if kind in wrong
    }
    steps = [row["returns"] for row in page.rows("How far are they?")]
    assert steps[0] == max(steps) > steps[-1] > 0
    curve = page.rows("How long until a return is closed")
    for carrier in {row["carrier"] for row in curve}:
        shares = [row["still_open_share"] for row in curve if row["carrier"] == carrier]
        assert shares == sorted(shares, reverse=True)
        assert 0 <= shares[-1] <= shares[0] <= 1


def test_the_survival_curve_is_that_of_kaplan_and_meier(whole_shop: WholeShop) -> None:
    """By the book, in Python: at each day, of those still at risk the share that is not closed."""
    lives = whole_shop.rows(
        "select state = 'closed', greatest(0, ceil(epoch(case when state = 'closed' then closed_at"
        " when state in ('open', 'review') then as_of else updated_at end - sla.created_at) / 86400))::int"
        " from marts.ops_sla as sla"
        " join (select return_id, updated_at from staging.stg_returns) using (return_id)"
        " where carrier = 'UPS'"
    )
    share, expected = 1.0, {}
    for day in sorted({days for _, days in lives}):
        at_risk = [closed for closed, days in lives if days >= day]
        share *= 1 - sum(closed for closed, days in lives if days == day) / len(at_risk)
        expected[day] = pytest.approx(share, abs=1e-9)

    curve = run("goods", whole_shop.published, carrier="UPS").rows("How long until a return is closed")

    assert {row["days"]: row["still_open_share"] for row in curve} == expected


def test_what_we_owe_closes(whole_shop: WholeShop) -> None:
    page = run("what_we_owe", whole_shop.published, currency="USD", component="cash", month="2026-10")

    steps = {row["step"]: row for row in page.rows("What moved it")}
    ((opening, closing),) = whole_shop.rows(
        "select opening, closing from marts.fin_liability"
        " where month = '2026-10-01' and currency = 'USD' and component = 'cash'"
    )
    assert steps["opening"]["to_amount"] == opening
    assert steps["closing"]["to_amount"] == steps["expired and others"]["to_amount"] == closing
    assert {row["control"] for row in page.rows("Month by month")} == {Decimal(0)}
    assert (
        total(page.rows("What is owed now"), "amount")
        == whole_shop.rows("select sum(amount) from marts.fin_open_returns where currency = 'USD'")[0][0]
    )


def test_what_runs_off_is_a_share_of_what_was_owed_at_first(whole_shop: WholeShop) -> None:
    rows = run("what_we_owe", whole_shop.published, currency="USD", component="cash").rows("How fast")
    ((owed,),) = whole_shop.rows(
        "select sum(cash) from marts.return_versions where is_live and currency = 'USD'"
        " and created_at >= '2026-10-01' and created_at < '2026-11-01' and valid_from <= '2026-11-01'"
        " and (valid_to is null or valid_to > '2026-11-01')"
    )

    october = [row for row in rows if row["made_in"] == "2026-10"]

    assert (october[0]["owed"], october[0]["percent"]) == (owed, "100 %")
    assert {row["percent"] for row in rows if row["age"] == "0 months later"} == {"100 %"}


@pytest.mark.parametrize("dial", ["delivered", "unused", "stalled", "value"])
def test_rules_a_higher_threshold_never_picks_more(dial: str, whole_shop: WholeShop) -> None:
    page = run("rules", whole_shop.published, dial=dial)

    curve = page.rows("What would this threshold")
    picked = [row["picked"] for row in curve]
    assert picked == sorted(picked, reverse=True)
    assert bool(picked) != ("No return of that time" in page.words)
    assert picked or dial == "stalled"
    assert all(0 <= row["was_right"] <= row["picked"] for row in curve)
    own = {row["rule_id"]: row["picks"] for row in page.rows("What the rules pick now")}
    assert own == {
        row["rule_id"]: row["returns"] for row in page.rows("Which rules") if row["rule_id"] == row["also"]
    }
    assert "rule" not in page.rows("Twenty to judge blind")[0]


def test_actions_done(whole_shop: WholeShop) -> None:
    page = run("actions_done", whole_shop.published)

    assert [(row["match_class"], row["action"]) for row in page.rows("What became")] == [
        ("confirmed", "flag")
    ]
    assert sorted(row["return_id"] for row in page.rows("Each attempt")) == sorted(whole_shop.acted)
    ways = {(row["from_state"], row["to_state"]): row["changes"] for row in page.rows("The way through")}
    assert ways["APPROVED", "INTENT"] == ways["ACCEPTED", "CONFIRMED"] == len(whole_shop.acted)
    assert "Nothing is parked." in page.words


def test_products_people(whole_shop: WholeShop) -> None:
    page = run("products_people", whole_shop.published, currency="EUR")

    sizes = page.rows("Which size")
    assert (
        total(sizes, "units")
        == whole_shop.rows(
            "select sum(units) from marts.prod_size_exchange"
            " where currency = 'EUR' and match_class = 'same_product'"
        )[0][0]
    )
    reasons = page.rows("How sure")
    assert (
        total(reasons, "units")
        == whole_shop.rows("select sum(units) from marts.prod_sku_reason where currency = 'EUR'")[0][0]
    )
    assert all(row["share_low"] < row["units_share"] < row["share_high"] for row in reasons)
    curve = [row["value_share"] for row in page.rows("How much of the value")]
    assert curve == sorted(curve)
    assert curve[-1] == pytest.approx(1)
    assert "@" not in page.words


def test_time_to_refund(whole_shop: WholeShop) -> None:
    page = run("time_to_refund", whole_shop.published, outcome="refund")

    ((returns, beyond),) = whole_shop.rows(
        "select count(*), count(*) filter (match_class in ('breach', 'open_breach', 'refund_overdue'))"
        " from marts.ops_sla where outcome = 'refund'"
    )
    assert total(page.rows("How sure"), "returns") == returns
    assert total(page.rows("Breaches week by week"), "breaches") == beyond > 0
    next_ones = page.rows("Who breaches")
    assert [row["match_class"] == "open" for row in next_ones] == sorted(
        row["match_class"] == "open" for row in next_ones
    )


def test_the_colours_of_a_chart_are_named_and_each_has_its_own(whole_shop: WholeShop) -> None:
    figure = run("everything_here", whole_shop.published).figure("Which source knows")

    names = re.findall(r"background:(#\w+)\"></span>(\w+)</li>", figure.drawn)

    assert {name for _, name in names} == {row["match_class"] for row in figure.rows.to_pylist()}
    assert len({colour for colour, _ in names}) == len(names)


@pytest.fixture(scope="module")
def empty(whole_shop: WholeShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop in which nothing was returned yet, and no other system is connected."""
    file = tmp_path_factory.mktemp("empty") / "loop.duckdb"
    shutil.copyfile(whole_shop.published, file)
    with duckdb.connect(str(file)) as database:
        named = database.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where schema_name in ('loop_raw', 'staging', 'marts', 'ops', 'rules')"
            " and table_name not like 'seed_%' and table_name <> 'data_dictionary'"
        ).fetchall()
        for (name,) in named:
            database.execute(f"delete from {name}")
    return file


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_empty_shop_is_said_in_words(name: str, empty: Path) -> None:
    page = run(name, empty)

    for part in page.parts:
        assert part.html()
        part._display_()
        if isinstance(part, Figure) and not part.rows.num_rows:
            assert part.empty.endswith("."), part.title
            assert part.empty in part.markdown(), part.title
    assert page.figure("Ask for").rows.num_rows == 0
    assert "older than the table" not in page.words


def test_no_more_is_offered_than_people_decide_on(whole_shop: WholeShop) -> None:
    many = Shop(whole_shop.published).requests(
        "Many", "", "select range::text as return_id, 'because' as reason from range(1500), marts.run_control"
    )

    assert many.rows.num_rows == 1000
    assert "the first 1,000 of" in many.says
    assert len(many.csv().splitlines()) <= 1001
