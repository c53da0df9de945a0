"""The figures of the finance report: one dict, of which page, Markdown and `--json` are three views.

published file, instant of the last report -> figures()
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from loop_returns.report import breaks, changes, completeness, liability, machine
from loop_returns.report.published import Figures, opened, published_at, row, rows

_AS_OF = "select max(as_of) as as_of from loop.marts.run_control"
_UNITS = """
    select currency, minor_unit from loop.staging.seed_currencies
    where currency in (
        select currency from loop.staging.stg_returns union select currency from loop.marts.break_ledger
        union select currency from loop.marts.fin_liability)
    order by currency
"""
_SPAN = "select min(created_at) as first_created_at from loop.staging.stg_returns"


def as_of(published: Path) -> datetime:
    """The present of the build that the file holds.

    Raises:
        LoopReturnsError: Nothing is published yet, or the file is not one of ours.
    """
    with opened(published) as database:
        found: datetime = row(database, _AS_OF)["as_of"]
    return found


def figures(published: Path, since: datetime | None) -> Figures:
    """Everything that the report says.

    Args:
        published: The file that people open; only read.
        since: The present of the last report, aware; None: there was none.

    Raises:
        LoopReturnsError: Nothing is published yet, or the file is not one of ours.
    """
    with opened(published) as database:
        return {
            "published": str(published),
            "published_at": published_at(published),
            **row(database, _AS_OF),
            **row(database, _SPAN),
            "since": since,
            "pull": completeness.pull(database),
            "changes": changes.since(database, since) if since else None,
            "breaks": breaks.breaks(database),
            "ageing": breaks.ageing(database),
            "liability": liability.liability(database),
            "machine": machine.machine(database, since),
            "waiting": machine.waiting(database),
            "causes": breaks.causes(database),
            "units": _units(database),
        }


def _units(database: duckdb.DuckDBPyConnection) -> dict[str, Decimal]:
    """The smallest unit of each currency, to write its amounts as its people do."""
    return {each["currency"]: each["minor_unit"] for each in rows(database, _UNITS)}
