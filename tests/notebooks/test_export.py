"""Exports: a page that needs nothing, and a Jupyter notebook whose statements give what is shown."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.notebooks.page import run
from tests.support.whole_shop import WholeShop

from loop_returns.errors import UsageError
from loop_returns.notebooks.export import export
from loop_returns.notebooks.parts import Figure

NAMES = ["one_return", "what_we_owe"]


@pytest.fixture(scope="module")
def exported(whole_shop: WholeShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    assert len(export(NAMES, whole_shop.published, folder)) == 2 * len(NAMES) + 1
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_page_needs_no_script_no_network_and_no_other_file(name: str, exported: Path) -> None:
    page = (exported / f"{name}.html").read_text()

    assert not re.search(r"<script|<iframe|<link [^>]*stylesheet|@import|url\((?!#c)", page, re.I)
    addresses = set(re.findall(r'(?:src|href)="([^"]*)"', page))
    assert {address[:5] for address in addresses} <= {"data:", "#"}
    assert page.count("<h1") == 1
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert page.count("<svg") == page.count('role="img" aria-label="')
    assert '<th scope="col"' in page or 'scope="col">' in page


def test_the_page_shows_every_figure_with_its_period(whole_shop: WholeShop, exported: Path) -> None:
    page = unescape((exported / "what_we_owe.html").read_text())

    for part in run("what_we_owe", whole_shop.published).parts:
        if isinstance(part, Figure):
            assert part.title in page
            assert part.caption in page
            assert part.sql in page


def test_the_file_of_requests_is_in_the_page(whole_shop: WholeShop, exported: Path) -> None:
    page = (exported / "what_we_owe.html").read_text()
    last = run("what_we_owe", whole_shop.published).figure("Ask for an action")

    found = re.search(r'download="requests.csv" href="data:text/csv;base64,([^"]+)"', page)

    assert found
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(found[1]).decode())))
    assert [row["return_id"] for row in rows] == list(
        dict.fromkeys(row["return_id"] for row in last.rows.to_pylist())
    )
    assert {row["action"] for row in rows} == {"process"}


@pytest.mark.parametrize("name", NAMES)
def test_the_statements_run_in_jupyter_and_give_what_is_shown(
    name: str, whole_shop: WholeShop, exported: Path
) -> None:
    notebook = json.loads((exported / f"{name}.ipynb").read_text())
    figures = [part for part in run(name, whole_shop.published).parts if isinstance(part, Figure)]

    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    known: dict[str, Any] = {}
    exec(code[0], known)  # noqa: S102 # what Jupyter does
    counts = [len(eval(source, known)) for source in code[1:]]  # noqa: S307 # the same
    assert counts == [figure.rows.num_rows for figure in figures]
    shown = [cell["outputs"][0]["data"]["text/html"] for cell in notebook["cells"] if cell.get("outputs")]
    assert len(shown) == len(figures)
    assert all("<table" in one for one, figure in zip(shown, figures, strict=True) if figure.rows.num_rows)


def test_the_command_takes_filters_as_a_link_does(whole_shop: WholeShop, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "loop_returns.notebooks",
            "export",
            "goods?carrier=UPS",
            "--to",
            str(tmp_path / "out"),
        ],
        env={"LOOP_RETURNS_DATA_DIR": str(whole_shop.data), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "goods.html",
        "goods.ipynb",
        "index.html",
    ]
    assert "carrier = UPS" in (tmp_path / "out" / "goods.html").read_text()


def test_an_unknown_notebook_is_refused_in_words(whole_shop: WholeShop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no notebook 'nothing'"):
        export(["nothing"], whole_shop.published, tmp_path)
