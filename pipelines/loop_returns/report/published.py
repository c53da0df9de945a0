"""The published file, read-only: an in-memory connection of our own that attaches it as `loop`.

So a run can replace the file at any time, and no reader locks anybody out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from loop_returns.errors import LoopReturnsError

Figures = dict[str, Any]


@contextmanager
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach the file as `loop`, times in UTC.

    Raises:
        LoopReturnsError: Nothing is published yet, or the file is not one of ours.
    """
    if not file.exists():
        raise LoopReturnsError(
            "nothing is published yet", cause=f"{file} is not there", hint="loop-returns run"
        )
    try:
        with duckdb.connect() as database:
            database.execute("set timezone = 'UTC'")
            database.execute(f"attach '{str(file).replace(chr(39), chr(39) * 2)}' as loop (read_only)")
            yield database
    except duckdb.Error as error:
        raise LoopReturnsError(
            "the published file cannot be read", cause=str(error).splitlines()[0], hint="loop-returns build"
        ) from error


def rows(
    database: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None
) -> list[Figures]:
    """The rows of a query, each by column name."""
    found = database.execute(sql, parameters or {})
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def row(
    database: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None
) -> Figures:
    """The one row of a query that always has one."""
    return rows(database, sql, parameters)[0]


def published_at(file: Path) -> str:
    """When the file was put in its place, UTC."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")
