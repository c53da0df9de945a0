"""Notebooks with their outputs, for people without marimo: static HTML, and `.ipynb` for Jupyter.

    notebooks/NAME.py --run on the published file--> parts --> NAME.html   one file: no script, no network
                                                           --> NAME.ipynb  words, SQL that runs, outputs

The static page shows what the filters were set to; `NAME?currency=EUR` sets them as a link does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from loop_returns.errors import LoopReturnsError, UsageError
from loop_returns.notebooks.catalogue import FOLDER, NOTEBOOKS
from loop_returns.notebooks.filters import Link
from loop_returns.notebooks.parts import JupyterCell, Part
from loop_returns.notebooks.shop import Shop
from loop_returns.notebooks.static import index, page

CONNECT = """import duckdb

loop = duckdb.connect()
loop.execute("set timezone = 'UTC'")
loop.execute("attach {file} as loop (read_only)")
loop.execute("use loop")"""


def parts(name: str, published: Path, params: dict[str, str]) -> list[Part]:
    """Run a notebook and collect what its cells end in.

    Args:
        name: A key of `NOTEBOOKS`.
        published: The file that it reads.
        params: What its link says.

    Raises:
        LoopReturnsError: Nothing is published yet.
        UsageError: There is no such notebook.
    """
    file = FOLDER / f"{name}.py"
    if name not in NOTEBOOKS or not file.exists():
        raise UsageError(f"there is no notebook {name!r}", hint=f"one of {', '.join(NOTEBOOKS)}")
    Shop(published)  # says in words what is missing; a page would show it
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", file)
    if spec is None or spec.loader is None:
        raise LoopReturnsError(f"the notebook {name} cannot be loaded", cause=str(file))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, _ = module.app.run(defs={"link": Link(params), "published": published})
    return [output for output in outputs if isinstance(output, Part)]


def html(name: str, shown: list[Part]) -> str:
    """A static page of these parts."""
    body = "".join(part.html() for part in shown)
    return page(NOTEBOOKS[name].title, body)


def jupyter(shown: list[Part], published: Path) -> str:
    """These parts as a Jupyter notebook (nbformat 4.5) whose statements run on the published file."""
    connect = JupyterCell(CONNECT.format(file="'" + str(published).replace("'", "''") + "'"))
    cells = [_cell(connect, 0, is_code=True)]
    for number, cell in enumerate((cell for part in shown for cell in part.jupyter()), 1):
        cells.append(_cell(cell, number, is_code=cell.is_sql))
    told = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": told, "cells": cells}, indent=1) + "\n"


def _cell(cell: JupyterCell, number: int, *, is_code: bool) -> dict[str, Any]:
    key = hashlib.sha256(f"{number}{cell.text}".encode()).hexdigest()[:12]
    if not is_code:
        return {"id": key, "cell_type": "markdown", "metadata": {}, "source": cell.text}
    source = f'loop.sql("""\n{cell.text}\n""").df()' if cell.is_sql else cell.text
    output = {"output_type": "display_data", "metadata": {}, "data": dict(cell.outputs)}
    return {
        "id": key,
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "source": source,
        "outputs": [output] if cell.outputs else [],
    }


def export(names: list[str], published: Path, folder: Path) -> list[Path]:
    """Write NAME.html and NAME.ipynb of each, and an index.

    Args:
        names: Keys of `NOTEBOOKS`, each with `?filter=value&...` if wanted.
        published: The file that they read.
        folder: Made if it is not there; files of the same names are replaced.

    Returns:
        The files that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for wanted in names:
        name, _, query = wanted.partition("?")
        shown = parts(name, published, dict(parse_qsl(query)))
        for ending, text in (("html", html(name, shown)), ("ipynb", jupyter(shown, published))):
            written.append(folder / f"{name}.{ending}")
            written[-1].write_text(text, encoding="utf-8")
    written.append(folder / "index.html")
    written[-1].write_text(page("Notebooks", index([file.stem for file in written[:-1:2]], ".html")))
    return written
