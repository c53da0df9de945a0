"""`report`: one set of figures as page, Markdown and JSON; changes, limits; nothing personal, no request."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.report.conftest import EARLIER, HOSTILE, publish
from tests.transforms.shop import planned

from conftest import Shop
from loop_returns.report import finance, html, markdown, story
from loop_returns.report.document import Bar, Document

Files = Callable[[], tuple[Path, Path]]
SINCE = EARLIER.isoformat()


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(" ".join(data.split()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag]


@pytest.fixture
def document(build_shop: Files) -> Document:
    return story.document(finance.figures(build_shop()[1], EARLIER))


def test_the_figures_show_signed_sums_and_counts_of_each_currency(shop: Shop) -> None:
    figures = shop.json("report", "--since", SINCE)

    kinds = {
        each["currency"]: (each["breaks"], each["plus"], each["minus"], each["net"])
        for each in figures["breaks"]["kinds"]
        if each["recon"] == "recon_money"
    }
    assert kinds == {
        "EUR": (1, "0.0000", "-4.0000", "-4.0000"),
        "JPY": (1, "4.0000", "0.0000", "4.0000"),
        HOSTILE: (1, "2.0000", "0.0000", "2.0000"),
    }
    assert figures["breaks"]["open"] == sum(figures["breaks"]["severities"].values())
    assert figures["pull"]["is_complete"] is True
    assert figures["waiting"]["undecided"]["requests"] == figures["waiting"]["parked"] == 1
    assert [(each["action"], each["match_class"]) for each in figures["machine"]["outcomes"]] == [
        ("process", "unknown")
    ]
    assert [(each["currency"], each["returns"], each["most"]) for each in figures["liability"]["now"]] == [
        ("USD", 1, "10.0000")
    ]


def test_what_changed_closes_in_counts_and_in_each_currency(build_shop: Files) -> None:
    changes = finance.figures(build_shop()[1], EARLIER)["changes"]

    counts = changes["breaks"]
    money = {
        each["currency"]: [each[name] for name in ("open_then", "opened", "cleared", "changed", "open_now")]
        for each in changes["money"]
    }
    assert counts["open_then"] + counts["opened"] - counts["cleared"] == counts["open_now"]
    assert (counts["open_then"], counts["cleared"], counts["changed"]) == (2, 1, 1)
    assert money["USD"] == [Decimal(1), Decimal(10), Decimal(1), Decimal(0), Decimal(10)]
    assert money["EUR"][:4] == [Decimal("-2.5"), Decimal(5), Decimal(0), Decimal("-1.5")]
    for then, opened, cleared, changed, now in money.values():
        assert then + opened - cleared + changed == now
    assert changes["returns"] == {"new_returns": 2, "changed_returns": 1}


def test_page_and_markdown_say_every_figure_of_the_document(document: Document) -> None:
    page, text = Page(html.page(document)), markdown.text(document)

    shown = set(page.texts)
    plain = text.replace("\\", "")
    for chapter in document.chapters:
        assert {chapter.title, *chapter.lines} <= shown
        for table in chapter.tables:
            cells = [cell for row in table.rows for cell in row if cell and not isinstance(cell, Bar)]
            assert cells
            assert {table.title, table.source, *cells} <= shown
            assert all(f" {cell}" in plain or f"**{cell}**" in plain for cell in cells)
            assert table.source in plain


def test_the_page_asks_nobody_for_anything_and_is_small(document: Document) -> None:
    text = html.page(document)

    page = Page(text)
    addresses = [value for _, of in page.tags for name in ("src", "href") if (value := of.get(name))]
    anchors = {of["id"] for _, of in page.tags if of.get("id")}
    assert page.all("script") == []
    assert "url(" not in text
    assert {each for each in addresses if not each.startswith("#")} == {"data:,"}
    assert {each[1:] for each in addresses if each.startswith("#")} <= anchors
    assert len(text.encode()) < 300_000


def test_the_page_can_be_read_by_a_screen_reader(document: Document) -> None:
    page = Page(html.page(document))

    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert len(page.all("caption")) == len(page.all("table")) > 8
    assert {each["scope"] for each in page.all("th")} == {"col", "row"}
    assert all(each["aria-label"] for each in page.all("svg"))
    assert len(page.all("title")) == len(page.all("svg")) + 1


def test_every_table_says_its_period_its_source_and_when_it_was_loaded(document: Document) -> None:
    tables = [table for chapter in document.chapters for table in chapter.tables]

    for table in tables:
        period, _, rest = table.source.partition(". Source: ")
        assert period, table.title
        assert rest.startswith(("marts.", "ops.", "staging.")), table.title
        assert rest.endswith("loaded 2026-03-10 11:59 UTC."), table.title


def test_what_comes_from_outside_is_escaped_and_nothing_personal_is_told(shop: Shop) -> None:
    said = shop.loop("report", "--html", "r.html", "--markdown", "r.md", "--since", SINCE).stdout
    page, text = (shop.folder / "r.html").read_text(), (shop.folder / "r.md").read_text()
    figures = shop.loop("report", "--json").stdout

    assert HOSTILE not in page
    assert "&lt;script&gt;a|b&lt;/script&gt;" in page
    assert HOSTILE not in text
    assert r"\<script\>a\|b\</script\>" in text
    for each in (said, page, text, figures):
        assert "ann@example" not in each
        assert "called" not in each


def test_given_a_report_when_the_next_is_made_then_it_compares_with_the_build_of_the_first(
    shop: Shop, build_shop: Files
) -> None:
    first, second = build_shop()
    publish(shop, first)
    before = shop.json("report", "--html", "r.html")
    publish(shop, second)
    looked = shop.json("report")
    written = shop.json("report", "--markdown", "r.md")
    again = shop.json("report", "--markdown", "r.md")
    named = shop.json("report", "--markdown", "r.md", "--since", "2026-03-01")

    assert before["since"] is before["changes"] is None
    assert looked["since"] == written["since"] == again["since"] == EARLIER.isoformat()
    assert again["changes"] == written["changes"]
    assert named["since"] == "2026-03-01T00:00:00+00:00"
    assert shop.json("report")["since"] == EARLIER.isoformat()


def test_a_record_that_cannot_be_read_is_no_record(shop: Shop) -> None:
    (shop.data / "report.json").write_text('{"as_of": 5}')

    assert shop.json("report", "--html", "r.html")["since"] is None
    assert json.loads((shop.data / "report.json").read_text())["before"] is None


@pytest.mark.parametrize(
    ("limits", "code"), [(["99"], 0), (["99", "1:0"], 0), (["0"], 3), (["99", "3:4"], 3), (["2:0"], 0)]
)
def test_breaks_above_a_limit_give_exit_3_and_the_whole_report(
    shop: Shop, limits: list[str], code: int
) -> None:
    words = [word for limit in limits for word in ("--fail-on", limit)]
    figures = shop.json("report", "--html", "r.html", *words, exit_code=code)

    assert bool(figures["exceeded"]) == (code == 3)
    assert (shop.folder / "r.html").read_text().rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--fail-on", "many"), "--fail-on cannot be 'many'"),
        (("--fail-on", "5:1"), "--fail-on cannot be '5:1'"),
        (("--since", "2026-03-10T12:00"), "--since is not before what is reported"),
        (("--since", "yesterday"), "--since is not a date"),
    ],
)
def test_a_flag_that_cannot_be_is_refused(shop: Shop, words: tuple[str, ...], says: str) -> None:
    assert says in shop.loop("report", *words, exit_code=2).stderr


def test_given_nothing_published_or_a_file_that_cannot_be_written_then_it_says_so(
    shop: Shop, tmp_path: Path
) -> None:
    unwritable = shop.loop("report", "--html", "no/such/folder.html", exit_code=1).stderr
    missing = shop.loop("report", exit_code=1, LOOP_RETURNS_DATA_DIR=str(tmp_path / "none")).stderr

    assert "no/such/folder.html cannot be written" in unwritable
    assert missing.splitlines()[0] == "error: nothing is published yet"


def test_an_empty_shop_has_a_report_too(tmp_path: Path) -> None:
    figures = finance.figures(planned(tmp_path / "empty.duckdb"), None)

    document = story.document(figures)
    told = [headline.text for headline in document.headlines]
    assert "Nothing was read yet." in told
    assert "Everything reconciles: no break is open." in told
    assert "Returns:" in markdown.text(document)
    assert Page(html.page(document)).all("table")


def test_the_terminal_fits_80_columns(shop: Shop) -> None:
    said = shop.loop("report", "--since", SINCE).stdout

    assert max(len(line) for line in said.splitlines()) <= 80
    assert "the whole report: loop-returns report --html report.html" in said


def test_the_query_for_whoever_signs_answers(build_shop: Files) -> None:
    page = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()
    sql = page.partition("## Whoever signs")[2].partition("```sql\n")[2].partition("```")[0]

    with duckdb.connect(str(build_shop()[1]), read_only=True) as database:
        (row,) = database.execute(sql).fetchall()

    assert row[:2] == ("process", "unknown")


def cells(document: Document, key: str) -> list[list[Any]]:
    """The rows of a chapter's first table, without bars."""
    (chapter,) = (each for each in document.chapters if each.key == key)
    return [[cell for cell in row if not isinstance(cell, Bar)] for row in chapter.tables[0].rows]


def test_amounts_are_written_in_the_units_of_their_currency(document: Document) -> None:
    money = {row[2]: row[4:7] for row in cells(document, "money") if row[0].startswith("its own")}

    assert money["EUR"] == ["-", "1 at -4.00", "-4.00"]
    assert money["JPY"] == ["1 at +4", "-", "+4"]
