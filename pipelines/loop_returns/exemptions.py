"""The merchant's list of exemptions: which returns, orders, customers or SKUs the rules leave alone.

    CSV file that `[rules] exemptions` of loop.toml names -> read() -> store() -> ops.exemptions

A file beside loop.toml and no seed of the package: people of the shop keep it in a spreadsheet, and a new
version of the package does not touch it. A line that cannot hold is refused, since one that silently held
nothing would let a rule act on a known case.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from loop_returns.errors import UsageError
from loop_returns.warehouse import ops_tables, rule_settings
from loop_returns.warehouse.place import Place

if TYPE_CHECKING:
    from loop_returns.extract.pii import PiiPolicy

COLUMNS = ("scope", "key", "rule_id", "until", "reason", "who")
SCOPES = ("return", "order", "customer", "sku")


@dataclass(frozen=True, slots=True)
class Exemption:
    """One line of the list, in the order of the columns of `ops.exemptions`."""

    scope: str
    key: str
    rule_id: str
    until: date | None
    reason: str
    who: str


def read(file: Path, policy: PiiPolicy) -> list[Exemption]:
    """Read the list.

    Args:
        file: CSV with the header `scope,key,rule_id,until,reason,who`, UTF-8.
        policy: What becomes of a customer's e-mail address: as in the tables, so that the two meet.

    Raises:
        UsageError: The file is not there, or a line cannot be; names the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            return list(_lines(file, csv.DictReader(opened, strict=True), policy))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"the exemptions of the rules cannot be read from {file.name}",
            cause=str(error).splitlines()[0],
            hint="[rules] exemptions in loop.toml names the file, from where loop.toml is",
        ) from error


def _lines(file: Path, reader: csv.DictReader[str], policy: PiiPolicy) -> Iterator[Exemption]:
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UsageError(f"{file.name} does not begin with the line {','.join(COLUMNS)}")
    for row in reader:
        place = f"{file.name}, line {reader.line_num}"
        if None in row or None in row.values():
            raise UsageError(f"{place} does not have {len(COLUMNS)} values")
        yield _line(place, {name: value.strip() for name, value in row.items()}, policy)


def _line(place: str, row: dict[str, str], policy: PiiPolicy) -> Exemption:
    if row["scope"] not in SCOPES:
        raise UsageError(f"{place}: the scope is not one of {', '.join(SCOPES)}")
    if row["rule_id"] not in ("*", *rule_settings.rule_ids()):
        raise UsageError(f"{place}: no rule has that id", hint="* is every rule; docs/rules.md lists them")
    for name in ("key", "reason", "who"):
        if not row[name]:
            raise UsageError(f"{place}: {name} is empty")
    key = row["key"]
    if row["scope"] == "customer" and "@" in key:
        key = _as_stored(place, key, policy)
    return Exemption(row["scope"], key, row["rule_id"], _day(place, row["until"]), row["reason"], row["who"])


def _as_stored(place: str, address: str, policy: PiiPolicy) -> str:
    stored = None if policy.leaves_out("email") else policy.value("email", address)
    if not stored:
        raise UsageError(
            f"{place}: a customer cannot be told by an e-mail address here",
            hint="set pii_key, so that addresses are hashed and not left out",
        )
    return stored


def _day(place: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{place}: until is not a day such as 2026-12-31, or empty") from None


def store(place: Place, exemptions: list[Exemption]) -> None:
    """Put the list in the place of the one before; the caller is the one writer."""
    with place.opened() as database:
        ops_tables.ensure(database)
        database.begin()
        database.execute("delete from ops.exemptions")
        if exemptions:
            database.executemany(
                "insert into ops.exemptions values (?, ?, ?, ?, ?, ?)", [astuple(one) for one in exemptions]
            )
        database.commit()
