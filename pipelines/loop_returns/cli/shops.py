"""The commands over all shops of loop.toml: `combine`, and what `run` and `status` do with `--all`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loop_returns.cli.wiring import Json, app, show
from loop_returns.errors import LoopReturnsError, UsageError
from loop_returns.terminal import Reporter

if TYPE_CHECKING:
    from loop_returns.warehouse.combined import Part

All = Annotated[
    bool, Parameter(name="--all", negative=(), show_default=False, help="Every shop of loop.toml.")
]


@app.command(sort_key=5)
def combine(*, as_json: Json = False) -> int:
    """The marts of every shop in one file, _data/all.duckdb, with a column shop; `run --all` does it, too.

    A shop that has published nothing is named, and is in marts.shops as missing.
    """
    from loop_returns import fleet, fleet_words

    parts = fleet.parts()
    rows = _combine(parts)
    figures = {"combined": str(fleet.combined_file()), "rows": rows, "shops": [_of(part) for part in parts]}
    show(figures, fleet_words.combined_text(fleet.combined_file(), len(rows), parts), as_json=as_json)
    return 0


def run_every(words: Sequence[str], jobs: int | None, *, publishes: bool, as_json: bool) -> int:
    """`run --all`: the highest exit code of any shop."""
    from loop_returns import fleet, fleet_words

    if jobs is not None and jobs < 1:
        raise UsageError("--jobs is at least 1")
    with Reporter() as reporter:
        outcomes = fleet.run(words, jobs, reporter.note)
    if publishes:
        fleet.record(outcomes)
    parts = fleet.parts()
    is_there = publishes and any(part.published.exists() for part in parts)
    rows = _combine(parts) if is_there else {}
    figures: dict[str, Any] = {
        "shops": [
            {"shop": each.shop, "exit_code": each.exit_code, "error": each.error, **(each.figures or {})}
            for each in outcomes
        ],
        "combined": str(fleet.combined_file()) if rows else None,
    }
    text = fleet_words.run_text(outcomes, parts)
    if rows:
        text += f"\ncombined {len(rows)} tables: {fleet.combined_file()}"
    show(figures, text, as_json=as_json)
    return fleet.exit_code(outcomes)


def status_every(*, as_json: bool) -> int:
    """`status --all`: exit 1 when a shop has published nothing."""
    from loop_returns import fleet, fleet_words, report

    parts = fleet.parts()
    found = {part.shop: report.figures(part.published) if part.published.exists() else None for part in parts}
    figures = {"shops": [_of(part) | (found[part.shop] or {}) for part in parts]}
    show(figures, fleet_words.status_text(found, parts), as_json=as_json)
    return 0 if all(found.values()) else LoopReturnsError.exit_code


def _combine(parts: Sequence[Part]) -> dict[str, int]:
    from loop_returns import fleet
    from loop_returns.warehouse import combined

    return combined.combine(fleet.combined_file(), parts)


def _of(part: Part) -> dict[str, Any]:
    return {"shop": part.shop, "state": part.state(), "exit_code": part.exit_code, "error": part.error}
