"""The report in a real browser: no request, no error, nothing wider than a phone, legible in print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.report.conftest import EARLIER
from tests.support.browser import DESKTOP, PHONE, chromium, watched

from loop_returns.report import finance, html, story

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(build_shop: Callable[[], tuple[Path, Path]], tmp_path: Path) -> Path:
    file = tmp_path / "report.html"
    file.write_text(html.page(story.document(finance.figures(build_shop()[1], EARLIER))))
    return file


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_opens_from_a_file_and_asks_nobody(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    with watched(browser, size) as seen:
        asked: list[str] = []
        seen.page.on("request", lambda request: asked.append(request.url))
        seen.page.goto(page.as_uri())

        assert seen.page.get_by_role("heading", level=1).inner_text().startswith("Returns:")
        assert seen.page.get_by_role("table").count() > 8
        assert seen.page.get_by_role("rowheader", name="All EUR").first.is_visible()
        assert seen.page.get_by_role("img").count() > 5
        assert seen.page.evaluate(OVERFLOW) == 0
        assert asked == [page.as_uri()]
        seen.assert_quiet()


def test_a_sentence_of_the_summary_leads_to_its_chapter(browser: Browser, page: Path) -> None:
    with watched(browser) as seen:
        seen.page.goto(page.as_uri())
        seen.page.get_by_role("link", name="Money that does not foot").click()

        assert seen.page.url.endswith("#money")
        assert seen.page.locator("#money").is_visible()


def test_it_prints_dark_on_light_whatever_the_screen_has(browser: Browser, page: Path) -> None:
    with watched(browser) as seen:
        seen.page.goto(page.as_uri())
        paper = "getComputedStyle(document.body).backgroundColor"
        seen.page.emulate_media(color_scheme="dark")
        on_screen = seen.page.evaluate(paper)
        seen.page.emulate_media(color_scheme="dark", media="print")
        in_print = seen.page.evaluate(paper)

        assert (on_screen, in_print) == ("rgb(21, 24, 28)", "rgb(255, 255, 255)")
        assert seen.page.pdf().startswith(b"%PDF")
