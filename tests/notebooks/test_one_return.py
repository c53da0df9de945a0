"""`one_return`: the return of the link, else the worst; all sources; promised, carried out and paid apart."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

from tests.notebooks.page import run
from tests.support.whole_shop import WholeShop


def planted(shop: WholeShop, kind: str) -> str:
    return min(key for (_, key), found in shop.expected.items() if found == kind and key.isdigit())


def test_it_shows_the_return_of_the_link(whole_shop: WholeShop) -> None:
    (return_id, *_) = whole_shop.acted

    page = run("one_return", whole_shop.published, return_id=return_id)

    assert f"Shown below: return **{return_id}**." in page.words
    assert [row["return_id"] for row in page.rows("What Loop says it is")] == [return_id]
    story = page.rows("What happened, in time order")
    assert [(row["happened_at"], row["event"]) for row in story] == whole_shop.rows(
        f"select happened_at, event from marts.explain('{return_id}')"
    )
    assert {"list", "asn", "history", "erp", "marts", "ops"} <= {row["source"] for row in story}
    assert [row["event"] for row in story if row["event"] in ("asked: flag", "action: CONFIRMED")] == [
        "asked: flag",
        "action: CONFIRMED",
    ]


def test_without_a_link_it_begins_with_the_worst_break(whole_shop: WholeShop) -> None:
    ((worst,),) = whole_shop.rows(
        "select return_id from marts.open_breaks where return_id is not null"
        " order by severity, abs(coalesce(amount, 0)) desc, break_key limit 1"
    )

    page = run("one_return", whole_shop.published)

    assert page.defs["chosen"] == worst
    assert "the worst one, since none was chosen" in page.words


def test_promised_and_paid_stay_apart(whole_shop: WholeShop) -> None:
    """A refund that never reached Shopify is promised, carried out by Loop's word, and not paid."""
    return_id = planted(whole_shop, "missing_in_shopify")
    ((refund, currency),) = whole_shop.rows(
        f"select refund, currency from staging.stg_returns where return_id = '{return_id}'"
    )

    cash = run("one_return", whole_shop.published, return_id=return_id).rows("Money")[0]

    assert refund > 0
    assert (cash["component"], cash["promised"], cash["currency"]) == ("cash", refund, currency)
    assert cash["paid"] in (None, Decimal(0))


def test_its_breaks_become_a_file_that_flag_takes(whole_shop: WholeShop) -> None:
    return_id = planted(whole_shop, "short_receipt")

    page = run("one_return", whole_shop.published, return_id=return_id)

    rows = list(csv.DictReader(io.StringIO(page.figure("Ask for an action").csv())))
    assert [row["return_id"] for row in rows] == [return_id]
    assert rows[0]["action"] == "flag"
    assert rows[0]["reason"].startswith("recon_receipt: short_receipt")


def test_a_number_that_nobody_knows_is_said_in_words(whole_shop: WholeShop) -> None:
    page = run("one_return", whole_shop.published, return_id="999' or '1'='1")

    assert "No source knows this return." in page.words
    assert page.rows("What happened, in time order") == []
    assert page.rows("Ask for an action") == []
