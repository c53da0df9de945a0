"""SQL as people see it: values stand in the text, so that what is shown is what was executed."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from textwrap import dedent

_TABLE = re.compile(r"\b((?:marts|staging|ops|loop_raw|rules|ext)\.\w+)")


def literal(value: str | int | date | Collection[str] | None) -> str:
    """A value as SQL writes it.

    >>> from datetime import date
    >>> literal("O'Hara"), literal(3), literal(None), literal(date(2026, 1, 2)), literal(["a", "b"])
    ("'O''Hara'", '3', 'null', "date '2026-01-02'", "('a', 'b')")
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    return "(" + (", ".join(literal(each) for each in value) or "null") + ")"


def between(column: str, span: tuple[date, date]) -> str:
    """A condition: the day of a time, UTC, lies in a span, both ends included.

    >>> from datetime import date
    >>> between("created_at", (date(2026, 1, 1), date(2026, 1, 31)))
    "created_at::date between date '2026-01-01' and date '2026-01-31'"
    """
    return f"{column}::date between {literal(span[0])} and {literal(span[1])}"


def tidy(sql: str) -> str:
    """A statement without the indentation of the file that it stands in, and without empty lines."""
    return "\n".join(line for line in dedent(sql).strip().splitlines() if line.strip())


def tables(sql: str) -> tuple[str, ...]:
    """The tables that a statement reads, each once, in order.

    >>> tables("select * from marts.breaks join staging.stg_returns using (return_id), marts.breaks")
    ('marts.breaks', 'staging.stg_returns')
    """
    return tuple(dict.fromkeys(_TABLE.findall(sql)))
