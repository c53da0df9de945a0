"""Each notebook in a real browser: a filter, a drill-down, no error, and nothing asked of anybody else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import PATIENCE, PHONE, Watched, chromium, watched
from tests.support.whole_shop import WholeShop

from loop_returns.notebooks.catalogue import NOTEBOOKS
from loop_returns.notebooks.export import export

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def address(whole_shop: WholeShop) -> Iterator[str]:
    """Where `make notebooks` serves them."""
    with subprocess.Popen(
        [sys.executable, "-m", "loop_returns.notebooks", "serve"],
        env=os.environ | {"LOOP_RETURNS_DATA_DIR": str(whole_shop.data)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        try:
            yield said.split(": ")[1].split()[0]
        finally:
            server.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def opened(seen: Watched, url: str) -> Page:
    """The page, once its last part is there."""
    seen.page.goto(url)
    expect(seen.page.get_by_text("requests.csv: the picked rows, or all")).to_be_visible()
    return seen.page


def test_one_return_follows_what_is_typed_and_what_is_picked(
    address: str, browser: Browser, whole_shop: WholeShop
) -> None:
    (typed, *_) = whole_shop.acted
    ((worst,),) = whole_shop.rows(
        "select return_id from marts.open_breaks where return_id is not null"
        " order by severity, abs(coalesce(amount, 0)) desc, break_key limit 1"
    )
    with watched(browser) as seen:
        page = opened(seen, f"{address}one_return?return_id={typed}")
        expect(page.get_by_text(f"Shown below: return {typed}.")).to_be_visible()

        page.get_by_label("Return (RMA number)").fill("25000001")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Shown below: return 25000001.")).to_be_visible()
        expect(page).to_have_url(re.compile("return_id=25000001"))

        page.get_by_role("row").filter(has_text=worst).first.get_by_role("checkbox").click()
        expect(page.get_by_text(f"Shown below: return {worst}.")).to_be_visible()
        expect(page).to_have_url(re.compile(f"return_id={worst}"))
        seen.assert_quiet()


# Notebook: label of a filter, what is chosen, what the link says then, a text that follows it.
FILTERS = {
    "everything_here": ("Source", "the list", "source=returns", "All 363 days are covered"),
    "money_foots": ("Currency", "EUR", "currency=EUR", "2026-11-20, EUR."),
    "exchanges": ("Currency", "EUR", "currency=EUR", "Does the credit clear?"),
    "refunds_shopify": ("Break", "paid_early", "class=paid_early", "breaks of now, USD, paid_early."),
    "goods": ("Carrier", "UPS", "carrier=UPS", "2026-11-20, UPS."),
    "what_we_owe": ("Component", "exchange", "component=exchange", "all months, exchange, USD."),
    "rules": ("What if", "return worth N or more -> flag", "dial=value", "a break was seen on it"),
    "actions_done": ("Action", "flag", "action=flag", "2 rows, 13 columns"),
    "products_people": ("Currency", "EUR", "currency=EUR", "2026-07 to 2026-11, EUR."),
    "time_to_refund": ("Outcome", "refund", "outcome=refund", "2026-11-20, refund."),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_row_opens_its_story_and_a_filter_stands_in_the_link(
    name: str, address: str, browser: Browser
) -> None:
    label, chosen, link, follows = FILTERS[name]
    with watched(browser) as seen:
        page = opened(seen, f"{address}{name}/")

        if name != "products_people":  # the planted shop has no customer with a signal
            page.get_by_role("row").get_by_role("checkbox").first.click()
            expect(page.get_by_role("heading", name="The story of return")).to_be_visible()

        page.get_by_role("combobox", name=label, exact=True).select_option(label=chosen)
        expect(page.get_by_text(follows).first).to_be_visible()
        expect(page).to_have_url(re.compile(link))
        seen.assert_quiet()


def test_every_notebook_is_opened_by_a_test() -> None:
    assert {*FILTERS, "one_return"} == set(NOTEBOOKS)


def test_the_index_leads_to_each_notebook_on_a_phone(address: str, browser: Browser) -> None:
    with watched(browser, PHONE) as seen:
        seen.page.goto(address)

        for entry in NOTEBOOKS.values():
            expect(seen.page.get_by_role("link", name=entry.title)).to_be_visible()
        seen.page.get_by_role("link", name="One return").click()
        expect(seen.page.get_by_role("heading", name="One return, all evidence")).to_be_visible()
        seen.assert_quiet()


def test_another_page_of_the_same_browser_gets_nothing(address: str) -> None:
    """Marimo's own application allows every origin; a page of the web could read figures through it."""
    own = {"Origin": address.rstrip("/")}

    assert requests.get(address, headers=own, timeout=60).status_code == 200
    assert requests.get(address, headers={"Origin": "http://shop.example"}, timeout=60).status_code == 403
    assert requests.get(address, headers={"Host": "shop.example"}, timeout=60).status_code == 403


def test_the_watch_over_a_page_sees_errors_and_outside_requests(browser: Browser) -> None:
    with watched(browser) as seen:
        seen.page.set_content('<script>console.error("no")</script><img src="http://shop.example/a.png">')
        seen.page.wait_for_load_state("load")

        assert seen.outside == ["http://shop.example/a.png"]
        assert any(error.startswith("no") for error in seen.errors)
        with pytest.raises(AssertionError):
            seen.assert_quiet()


def test_an_exported_page_opens_from_a_file_without_scripts(
    browser: Browser, whole_shop: WholeShop, tmp_path: Path
) -> None:
    export(["goods"], whole_shop.published, tmp_path)
    with watched(browser, PHONE, java_script_enabled=False) as seen:
        seen.page.goto((tmp_path / "index.html").as_uri())

        seen.page.get_by_role("link", name="Where are the goods?").click()

        expect(seen.page.get_by_role("heading", name="Where are the goods?")).to_be_visible()
        expect(seen.page.get_by_role("img", name="Returns by how far the goods have come")).to_be_visible()
        expect(seen.page.get_by_role("columnheader", name="missing_units").first).to_be_visible()
        seen.assert_quiet()
