"""Breaks that a person leaves as they are: `loop-returns accept`, rows of `ops.accepted_breaks`.

words -> ask() -> say() -> ops.accepted_breaks (append-only) -> marts.open_breaks, from the next build on

An acceptance ends by itself after its last day, when the break's amount becomes another one, or when the
break is cleared; it is taken back by a row without a last day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from loop_returns.errors import LoopReturnsError, UsageError
from loop_returns.instants import parse_instant
from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.place import Connection, Place, has

LONGEST_REASON = 200
_BREAK = "select return_id, amount, currency from marts.open_breaks where break_key = ?"
_SAID = """
    select reason, said_by, said_at, until, amount, currency from ops.accepted_breaks
    where break_key = ? order by seq desc limit 1
"""
_ADD = """
    insert into ops.accepted_breaks
        (seq, break_key, return_id, reason, said_by, said_at, until, amount, currency)
    select coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? from ops.accepted_breaks
"""
_LIST = """
    select break_key, return_id, reason, said_by, said_at, until, amount, currency,
        until >= $today as is_valid
    from ops.accepted_breaks
    qualify row_number() over (partition by break_key order by seq desc) = 1 and until is not null
    order by until, break_key
"""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person says about a break; `until` is the last day, None takes an acceptance back."""

    break_key: str
    reason: str
    by: str
    until: date | None


def ask(break_key: str | None, reason: str | None, until: str | None, by: str, present: datetime) -> Word:
    """Check the words of an acceptance, or, without `until`, of taking one back.

    Raises:
        UsageError: Something cannot be.
    """
    said = " ".join("".join(char if char.isprintable() else " " for char in reason or "").split())
    if not break_key:
        raise UsageError("no break is named", hint="break_key of marts.open_breaks, in quotes")
    if not said or len(said) > LONGEST_REASON:
        raise UsageError(f"say why in --reason, in at most {LONGEST_REASON} characters")
    last = parse_instant(until, "--until").date() if until else None
    if last is not None and last < present.date():
        raise UsageError("--until has passed already", cause=f"{last} lies before {present.date()}")
    return Word(break_key, said, by, last)


def say(place: Place, word: Word, present: datetime) -> None:
    """Write the word; the caller is the one writer.

    Raises:
        LoopReturnsError: Nothing is built yet.
        UsageError: No such break is open, or there is no acceptance to take back.
    """
    with place.opened() as database:
        ops_tables.ensure(database)
        found = _break(database, word.break_key)
        last = database.execute(_SAID, [word.break_key]).fetchone()
        if word.until is None and (last is None or last[3] is None):
            raise UsageError(f"the break {word.break_key[:120]!r} is not accepted", hint="accept --list")
        if word.until is not None and found is None:
            raise UsageError(
                f"no break {word.break_key[:120]!r} is open", hint="break_key of marts.open_breaks, in quotes"
            )
        return_id, amount, currency = found or (None, None, None)
        values = [word.break_key, return_id, word.reason, word.by, present, word.until, amount, currency]
        database.execute(_ADD, values)


def _break(database: Connection, break_key: str) -> tuple[Any, ...] | None:
    if not has(database, "marts", "open_breaks"):
        raise LoopReturnsError("nothing is built yet", hint="run `loop-returns run` first")
    return database.execute(_BREAK, [break_key]).fetchone()


def listed(published: Path, today: date) -> list[dict[str, Any]]:
    """The last word on each break, if it is an acceptance, soonest end first.

    Raises:
        LoopReturnsError: Nothing is published yet, or the file is not one of ours.
    """
    if not published.exists():
        raise LoopReturnsError("nothing is published yet", hint="loop-returns run")
    try:
        with duckdb.connect(str(published), read_only=True) as database:
            database.execute("set timezone = 'UTC'")
            found = database.execute(_LIST, {"today": today})
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except duckdb.Error as error:
        raise LoopReturnsError(
            "the published file cannot be read", cause=str(error).splitlines()[0], hint="loop-returns build"
        ) from error
