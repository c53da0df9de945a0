"""Where each extract comes from: the tables `[extracts.NAME]` of loop.toml, and the files that they name.

loop.toml (a plain dict) -> sources() -> Source -> files() -> reading.py
"""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from loop_returns.errors import UsageError
from loop_returns.warehouse.extracts.tables import EXTRACTS

KEYS = ("path", "table", "database", "columns", "timezone")
_TABLE = re.compile(r"\w+(\.\w+){0,2}")
SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Source:
    """One extract as loop.toml has it.

    Attributes:
        name: One of `EXTRACTS`.
        path: Files, as a pattern from the root; empty: a table.
        table: `schema.name` beside the tables of this package, or in `database`.
        database: Another DuckDB file; it is only read.
        columns: Our name of a column -> theirs, where they differ.
        timezone: Of times that say none; empty: such times are refused.
    """

    name: str
    path: str = ""
    table: str = ""
    database: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    timezone: str = ""

    @property
    def label(self) -> str:
        """What it is read from, for people."""
        if not self.table:
            return self.path
        return f"{self.table} in {self.database}" if self.database else self.table

    def files(self) -> list[Path]:
        """The files, by name.

        Raises:
            UsageError: There is none, or one is neither CSV nor Parquet.
        """
        found = sorted(Path(each) for each in glob.glob(self.path, recursive=True))  # noqa: PTH207 - a pattern from the root
        if not found:
            raise UsageError(
                f"no file for [extracts.{self.name}]",
                cause=f"nothing is at {self.path}",
                hint="path is read from where loop.toml is; take the table out if there is no such extract",
            )
        for file in found:
            if not file.name.lower().endswith(SUFFIXES):
                raise UsageError(f"{file.name} of [extracts.{self.name}] is neither .csv nor .parquet")
        return found


def sources(settings: Mapping[str, Any], folder: Path) -> dict[str, Source]:
    """The extracts that loop.toml names.

    Args:
        settings: The file's content.
        folder: Where it lies; paths are relative to it.

    Raises:
        UsageError: A table or a value cannot be; names it.
    """
    given = settings.get("extracts", {})
    if not isinstance(given, Mapping):
        raise UsageError("[extracts] in loop.toml is not a table", hint="write [extracts.shopify_refunds]")
    return {name: _source(name, table, folder) for name, table in given.items()}


def _source(name: str, table: object, folder: Path) -> Source:
    if name not in EXTRACTS:
        raise UsageError(f"no extract is called {name}", hint="known: " + ", ".join(EXTRACTS))
    if not isinstance(table, Mapping):
        raise UsageError(f"extracts.{name} in loop.toml is not a table", hint=f"write [extracts.{name}]")
    for key in table:
        if key not in KEYS:
            raise UsageError(
                f"extracts.{name}.{key} in loop.toml is no setting", hint="known there: " + ", ".join(KEYS)
            )
    columns = table.get("columns", {})
    if not isinstance(columns, Mapping):
        raise UsageError(f"extracts.{name}.columns in loop.toml is not a table of our name = theirs")
    for ours in columns:
        if ours not in EXTRACTS[name].columns:
            known = ", ".join(EXTRACTS[name].columns)
            raise UsageError(
                f"extracts.{name}.columns names {ours}, which is no column of it", hint=f"known: {known}"
            )
    texts = {key: _text(name, key, table.get(key, "")) for key in ("path", "table", "database", "timezone")}
    theirs = {ours: _text(name, f"columns.{ours}", each) for ours, each in columns.items()}
    return _checked(
        Source(
            name=name,
            path=str((folder / texts["path"]).absolute()) if texts["path"] else "",
            table=texts["table"],
            database=(folder / texts["database"]).absolute() if texts["database"] else None,
            columns=theirs,
            timezone=texts["timezone"],
        )
    )


def _text(name: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"extracts.{name}.{key} in loop.toml must be a text", cause=f"it is {value!r}")
    return value.strip()


def _checked(source: Source) -> Source:
    here = f"[extracts.{source.name}]"
    if bool(source.path) == bool(source.table):
        raise UsageError(f"{here} needs a path or a table", hint="exactly one of them")
    if source.table and not _TABLE.fullmatch(source.table):
        raise UsageError(f"{here} names no table", cause=source.table, hint='as in table = "schema.name"')
    if source.database and not source.table:
        raise UsageError(f"{here} names a database but no table in it")
    if source.timezone:
        try:
            ZoneInfo(source.timezone)
        except (ValueError, OSError, LookupError):
            raise UsageError(
                f"{here} names an unknown timezone", cause=source.timezone, hint="as in America/New_York"
            ) from None
    return source
