"""Everything known about one return in time order: the table macro `marts.explain` and what it answers.

transforms/explain.sql -> late_bound, after each build -> published file -> of_return() -> `explain`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from loop_returns.errors import LoopReturnsError

Event = dict[str, Any]


def of_return(published: Path, return_id: str) -> list[Event]:
    """What happened to a return, oldest first.

    Args:
        published: The file that people open.
        return_id: Loop's id, shown to people as the RMA number.

    Returns:
        Rows of `marts.explain`: happened_at, source, event, detail, amount, currency.

    Raises:
        LoopReturnsError: Nothing is published yet, the file is older than the macro, or no source knows
            the return.
    """
    if not published.exists():
        raise LoopReturnsError(
            "nothing is published yet", cause=f"{published} is not there", hint="loop-returns run"
        )
    try:
        with duckdb.connect(str(published), read_only=True) as database:
            database.execute("set timezone = 'UTC'")
            found = database.execute("select * from marts.explain(?)", [return_id])
            names = [column[0] for column in found.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except duckdb.Error as error:
        raise LoopReturnsError(
            "the published file cannot be read", cause=str(error).splitlines()[0], hint="loop-returns build"
        ) from error
    if not rows:
        raise LoopReturnsError(
            f"the return {return_id[:40]!r} is not known",
            cause="no source of the published file names it",
            hint="give Loop's id, the RMA number; if it is new at Loop, `loop-returns run` reads it",
        )
    return rows
