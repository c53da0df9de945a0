"""How the notebooks read the published file: one whole build per page, and nothing else is reached."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
from tests.notebooks.page import run
from tests.support.whole_shop import WholeShop

from loop_returns import notebooks as nb
from loop_returns.errors import LoopReturnsError
from loop_returns.notebooks.catalogue import FOLDER, NOTEBOOKS


@pytest.fixture
def copied(whole_shop: WholeShop, tmp_path: Path) -> Path:
    file = tmp_path / "loop.duckdb"
    shutil.copyfile(whole_shop.published, file)
    return file


def republish(file: Path, sql: str) -> None:
    """Put another build in the place of the file, as a run does."""
    fresh = file.with_suffix(".next")
    shutil.copyfile(file, fresh)
    with duckdb.connect(str(fresh)) as database:
        database.execute(sql)
    fresh.replace(file)


def test_a_page_keeps_its_build_and_the_next_page_sees_the_new_one(copied: Path) -> None:
    first = nb.Shop(copied)
    before = first.values("select count(*) from marts.open_breaks")

    republish(copied, "delete from marts.open_breaks")
    second = nb.Shop(copied)

    assert first.values("select count(*) from marts.open_breaks") == before != [0]
    assert second.values("select count(*) from marts.open_breaks") == [0]


def test_a_page_writes_nothing_and_reaches_no_other_file(copied: Path, tmp_path: Path) -> None:
    shop = nb.Shop(copied)
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")

    for sql in (
        "delete from marts.open_breaks",
        f"from read_csv('{other}')",
        f"copy marts.breaks to '{other}'",
        f"attach '{other}' as other",
        "set enable_external_access = true",
    ):
        with pytest.raises(duckdb.Error):
            shop.values(sql)


def test_the_head_says_what_the_figures_stand_on(whole_shop: WholeShop) -> None:
    ((run_id, loaded),) = whole_shop.rows(
        "select max_by(run_id, finished_at), strftime(max(finished_at), '%Y-%m-%d %H:%M')"
        " from loop_raw.pull_windows where status = 'complete'"
    )
    ((digest,),) = whole_shop.rows("select digest[:12] from sqlmesh.loop_returns_script")

    head = nb.Shop(whole_shop.published).header("one_return")

    assert head.said == (
        f"run `{run_id}` · as of 2026-11-20 12:00 UTC · loaded {loaded} UTC · models and settings `{digest}`"
        " · file `data/loop.duckdb`"
    )
    watermarks = {row["source"]: row["read_to"].date() for row in head.of.watermarks.to_pylist()}
    assert watermarks["returns"] == date(2026, 11, 20)
    assert {"advanced_shipping_notices", "extract receipts", "extract shopify_refunds"} <= watermarks.keys()


def test_a_block_is_said_before_anything_else(copied: Path) -> None:
    republish(copied, "update marts.data_quality set result = 'block' where check_id = 'freshness'")

    head = nb.Shop(copied).header("one_return")

    assert head.warning.startswith("**Act on nothing:**")
    assert "freshness" in head.html()


def test_every_figure_states_its_period_its_source_and_its_load_time(whole_shop: WholeShop) -> None:
    figure = nb.Shop(whole_shop.published).figure(
        "Breaks", "", "select count(*) from marts.breaks join staging.stg_returns using (return_id)"
    )

    assert figure.caption.startswith(
        "Period: state as of 2026-11-20 12:00 UTC. Source: marts.breaks, staging.stg_re"
    )
    assert "Loaded 20" in figure.caption


def test_a_file_without_the_table_says_so(copied: Path) -> None:
    republish(copied, "drop table marts.open_breaks")

    page = run("one_return", copied)

    assert "older than the table" in page.words


def test_without_a_file_the_page_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LoopReturnsError, match="nothing is published yet"):
        nb.Shop(tmp_path / "loop.duckdb")


def test_the_demo_is_opened_until_something_else_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOP_RETURNS_DATA_DIR", str(tmp_path))
    (tmp_path / "demo").mkdir()

    assert nb.published() == tmp_path / "loop.duckdb"
    (tmp_path / "demo" / "loop.duckdb").touch()
    assert nb.published() == tmp_path / "demo" / "loop.duckdb"
    (tmp_path / "loop.duckdb").touch()
    assert nb.published() == tmp_path / "loop.duckdb"


def test_a_filter_takes_from_the_link_only_what_it_knows() -> None:
    link = nb.Link({"currency": "EUR", "from": "2026-02-30", "to": ["x", "2026-03-05"]})

    assert nb.choice(link, "currency", ["EUR", "USD"], "Currency", "all").value == "EUR"
    assert nb.choice(link, "currency", ["USD"], "Currency", "all").value is None
    assert nb.days(link, date(2026, 1, 1), date(2026, 3, 31)).value == (date(2026, 1, 1), date(2026, 3, 5))


def test_the_list_of_the_notebooks_is_what_is_there() -> None:
    assert {file.stem for file in FOLDER.glob("*.py")} == set(NOTEBOOKS)
    for name, entry in NOTEBOOKS.items():
        assert f'app_title="{entry.title}"' in (FOLDER / f"{name}.py").read_text()
