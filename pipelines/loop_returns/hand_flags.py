"""Requests that people type: `loop-returns flag`, one or a file of them, as rows of `ops.flagged_items`.

words or CSV -> ask() (checked against the tables) -> add() -> ops.flagged_items -> plan, approve, apply

The row is completed with what the return is now (state, outcome, amount, currency), so that an action is
refused when it has changed since. Asking twice for the same is one request, so a corrected file can be given
again whole.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from loop_returns.actions.states import KINDS
from loop_returns.errors import LoopReturnsError, UsageError
from loop_returns.instants import parse_instant
from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.place import Connection, Place, has

LONGEST_REASON = 200
"""It goes to the return as a note, which Loop takes up to 255 characters (marts.md, section 2.3)."""
NEEDED = ("return_id", "action", "reason")
COLUMNS = (*NEEDED, "by", "amount", "currency", "until")
_RETURN = """
    select state, outcome, currency, refund + gift_card + exchange_credit_total
    from staging.stg_returns where return_id = ?
"""
_SAME = """
    select flagged_item_id from ops.flagged_items
    where return_id = ? and action = ? and reason = ? and rule_id is null and status = 'open'
"""
_ADD = """
    insert into ops.flagged_items (return_id, action, reason, requested_by, requested_at, amount, currency,
        expected_state, expected_outcome, valid_until)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning flagged_item_id
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """One request as it was typed, its words checked, not yet its return.

    Attributes:
        line: Where it stands in the file; 0 when it came by the command's flags.
    """

    return_id: str
    action: str
    reason: str
    by: str
    amount: Decimal | None = None
    currency: str | None = None
    until: datetime | None = None
    line: int = 0


Asked = Wish | tuple[int, UsageError]
"""A request, or the line that is none and why."""


@dataclass(slots=True)
class Flagged:
    """What became of the requests: ids of new rows, of those that were there, and each refusal by line."""

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[tuple[int, UsageError]] = field(default_factory=list)


def ask(values: Mapping[str, str | None], by: str, present: datetime, line: int = 0) -> Wish:
    """Check the words of a request.

    Args:
        values: By name of `COLUMNS`; empty and left out are the same.
        by: Who asks, when the request itself does not say.
        present: `until` must lie after it.
        line: Where it stands in the file.

    Raises:
        UsageError: Something cannot be.
    """
    said = {name: _plain(values.get(name)) for name in COLUMNS}
    for name in NEEDED:
        if not said[name]:
            raise UsageError(f"{name} is empty")
    if not (said["return_id"].isascii() and said["return_id"].isdigit() and len(said["return_id"]) <= 18):
        raise UsageError(f"the return {said['return_id'][:40]!r} is not a number, as Loop's returns are")
    if said["action"] not in KINDS:
        raise UsageError(f"the action {said['action'][:40]!r} is unknown", hint="one of " + ", ".join(KINDS))
    for name, longest in (("reason", LONGEST_REASON), ("by", 100)):
        if len(said[name]) > longest:
            raise UsageError(f"{name} is longer than {longest} characters", cause=f"{len(said[name])}")
    return Wish(
        said["return_id"],
        said["action"],
        said["reason"],
        said["by"] or by,
        _amount(said["amount"]),
        _currency(said["currency"]),
        _until(said["until"], present),
        line,
    )


def _plain(text: str | None) -> str:
    """One line without what a terminal or a note would take for a command."""
    return "".join(char for char in " ".join((text or "").split()) if char.isprintable()).strip()


def _amount(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 10**12 or amount != round(amount, 4):
        raise UsageError(
            f"the amount {text[:40]!r} is no sum of money", hint="write it as 12.50, not below zero"
        )
    return amount


def _currency(text: str) -> str | None:
    if text and not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise UsageError(f"the currency {text[:10]!r} is not a code such as USD")
    return text or None


def _until(text: str, present: datetime) -> datetime | None:
    until = parse_instant(text, "until") if text else None
    if until is not None and until <= present:
        raise UsageError("until has passed already", cause=f"{until:%Y-%m-%d %H:%M} UTC")
    return until


def read(file: Path, by: str, present: datetime) -> Iterator[Asked]:
    """Each line of a CSV file as a request, or as the reason why it is none.

    Raises:
        UsageError: The file itself cannot be read, or its first line does not name the columns.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, strict=True)
            _check_header(file, reader.fieldnames or ())
            lines = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file.name} cannot be read", cause=str(error).splitlines()[0]) from error
    for line, row in lines:
        try:
            if None in row:
                raise UsageError("it has more values than the first line has names")
            yield ask(row, by, present, line)
        except UsageError as error:
            yield line, error


def _check_header(file: Path, names: Iterable[str]) -> None:
    found = list(names)
    unknown = [name for name in found if name not in COLUMNS]
    missing = [name for name in NEEDED if name not in found]
    if unknown or missing or len(set(found)) < len(found):
        raise UsageError(
            f"the first line of {file.name} does not name the columns",
            cause=f"unknown: {', '.join(map(repr, unknown))}; missing: {', '.join(missing)}"[:200],
            hint=f"{', '.join(NEEDED)}, and if wanted {', '.join(COLUMNS[len(NEEDED) :])}; each once",
        )


def add(place: Place, wishes: Iterable[Asked], present: datetime) -> Flagged:
    """Write the requests, in one transaction; one that cannot be is recorded, and the others go on.

    Args:
        place: Where built tables are; the caller is the one writer.
        wishes: Requests, and refusals that are passed on.
        present: When they count as asked for.

    Raises:
        LoopReturnsError: Nothing is built yet.
    """
    flagged = Flagged()
    with place.opened() as database:
        ops_tables.ensure(database)
        if not has(database, "staging", "stg_returns"):
            raise LoopReturnsError("nothing is built yet", hint="run `loop-returns run` first")
        database.begin()
        for wish in wishes:
            if isinstance(wish, tuple):
                flagged.refused.append(wish)
                continue
            try:
                _add(database, wish, present, flagged)
            except UsageError as error:
                flagged.refused.append((wish.line, error))
        database.commit()
    return flagged


def _add(database: Connection, wish: Wish, present: datetime, flagged: Flagged) -> None:
    known = database.execute(_RETURN, [wish.return_id]).fetchone()
    if known is None:
        raise UsageError(
            f"the return {wish.return_id} is not in the tables",
            hint="if it is new at Loop, `loop-returns run` reads it",
        )
    state, outcome, currency, amount = known
    if wish.currency and currency and wish.currency != currency:
        raise UsageError(f"the return {wish.return_id} is in {currency}, not in {wish.currency}")
    if same := database.execute(_SAME, [wish.return_id, wish.action, wish.reason]).fetchone():
        flagged.known.append(same[0])
        return
    values: list[Any] = [wish.return_id, wish.action, wish.reason, wish.by, present]
    values += [wish.amount if wish.amount is not None else amount, wish.currency or currency]
    (made,) = database.execute(_ADD, [*values, state, outcome, wish.until]).fetchone() or ("",)
    flagged.added.append(made)
