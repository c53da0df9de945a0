"""What `run --all`, `status --all` and `combine` print: a line per shop, and what to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loop_returns.fleet import Outcome
from loop_returns.report import Figures
from loop_returns.terminal import table
from loop_returns.warehouse.combined import Part
from loop_returns.words import WIDTH

_RIGHT = (2, 3)


def run_text(outcomes: Sequence[Outcome], parts: Sequence[Part]) -> str:
    """One line per shop: how its run ended, what it read, its open breaks, of when its tables are."""
    rows = []
    for outcome, part in zip(outcomes, parts, strict=True):
        figures = outcome.figures or {}
        read = sum(figures["load"]["rows"].values()) if "load" in figures else None
        breaks = figures["breaks"]["open"] if "breaks" in figures else None
        result = "done" if outcome.exit_code == 0 else f"exit {outcome.exit_code}"
        rows.append((outcome.shop, result, read, breaks, _published(part)))
    header = ("shop", "result", "rows read", "breaks", "published, UTC")
    failed = [(each.shop, each.error or "it did not say why") for each in outcomes if each.exit_code]
    return "\n".join([table(header, rows, right=_RIGHT), *_looks(failed, parts)])


def status_text(figures: Mapping[str, Figures | None], parts: Sequence[Part]) -> str:
    """One line per shop of loop.toml: its returns, open breaks, holes, of when its tables are."""
    rows = []
    for part in parts:
        of = figures[part.shop]
        counts = (
            (of["rows"].get("loop_raw.returns", 0), of["breaks"]["open"], len(of["coverage"]["holes"]))
            if of
            else (None, None, None)
        )
        rows.append((part.shop, *counts, _published(part)))
    header = ("shop", "returns", "breaks", "holes", "published, UTC")
    failed = [(each.shop, each.error) for each in parts if each.state() != "published"]
    return "\n".join([table(header, rows, right=(1, 2, 3)), *_looks(failed, parts)])


def combined_text(file: Path, tables: int, parts: Sequence[Part]) -> str:
    """What the file over all shops holds, and whose rows are missing or old."""
    held = [part.shop for part in parts if part.state() != "missing"]
    failed = [(part.shop, part.error) for part in parts if part.state() != "published"]
    first = f"combined {tables} tables of {len(held)} shops: {file}"
    return "\n".join([first, *_looks(failed, parts)])


def _looks(failed: Sequence[tuple[str, str]], parts: Sequence[Part]) -> Iterator[str]:
    by_name = {part.shop: part for part in parts}
    for name, error in failed:
        part = by_name[name]
        if part.state() == "missing":
            held = "nothing of it is published"
        elif part.state() == "failed":
            held = f"its tables are those of {_published(part)} UTC"
        else:
            held = "its tables are new"
        text = f"{name}: {f'{error}; ' if error else ''}{held}"
        yield from textwrap.wrap(text, WIDTH, initial_indent="look  ", subsequent_indent=" " * 6)


def _published(part: Part) -> str | None:
    at = part.published_at()
    return f"{at:%Y-%m-%d %H:%M}" if at else None
