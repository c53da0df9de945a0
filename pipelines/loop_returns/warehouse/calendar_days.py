"""The days on which a warehouse works otherwise than the week says: seeds/calendar.csv, for the macro.

seeds/calendar.csv -> read() -> the variable `calendar` -> transforms/macros/calendar.py
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from loop_returns.errors import UsageError

COLUMNS = ["date", "destination", "working"]


def read(file: Path) -> list[str]:
    """Each row as `2026-12-25|false|7295`: day, whether people work, warehouse or nothing.

    Args:
        file: CSV with the columns `date`, `destination`, `working`; one that is not there has no rows.

    Raises:
        UsageError: A row cannot be what it is, or stands there twice; names file and row.

    >>> read(Path("nowhere.csv"))
    []
    """
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        if rows.fieldnames != COLUMNS:
            raise UsageError(f"{file.name} needs the columns {', '.join(COLUMNS)}")
        entries = [_entry(file, number, row) for number, row in enumerate(rows, 2)]
    named = [(entry.split("|")[0], entry.split("|")[2]) for entry in entries]
    for number, name in enumerate(named, 2):
        if name in named[: number - 2]:
            raise _refused(file, number, f"{name[0]} stands there twice")
    return sorted(entries)


def _entry(file: Path, number: int, row: Mapping[str, str | None]) -> str:
    day, where, working = ((row[name] or "").strip() for name in COLUMNS)
    try:
        date.fromisoformat(day)
    except ValueError:
        raise _refused(file, number, f"{day!r} is no day as 2026-12-25") from None
    if working.lower() not in ("true", "false"):
        raise _refused(file, number, f"working is {working!r}, and must be true or false")
    if where and not where.isalnum():
        raise _refused(file, number, f"{where!r} is no id of a warehouse")
    return f"{day}|{working.lower()}|{where}"


def _refused(file: Path, number: int, cause: str) -> UsageError:
    return UsageError(f"{file.name}, row {number}, cannot be", cause=cause)
