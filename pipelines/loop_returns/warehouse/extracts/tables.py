"""All extracts, and their tables: one each, there and typed also when the extract is absent.

From here come the tables of `ext`, the checks of what is read, `extracts --template`, the comments, and the
types in transforms/external_models.yaml. Loop alone needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from loop_returns.warehouse.extracts.columns import SCHEMA, Extract
from loop_returns.warehouse.extracts.erp import ERP
from loop_returns.warehouse.extracts.others import OTHERS
from loop_returns.warehouse.extracts.shopify import SHOPIFY
from loop_returns.warehouse.place import Connection

EXTRACTS: Mapping[str, Extract] = {**SHOPIFY, **OTHERS, **ERP}
"""Name, as in `[extracts.NAME]` -> extract."""

REGISTER: Mapping[str, tuple[str, str]] = {
    "name": ("varchar", "Name of the extract"),
    "is_present": ("boolean", "True when loop.toml names a source of it and that was read"),
    "source": ("varchar", "Files or table that it was read from"),
    "rows": ("bigint", "Rows that were taken"),
    "rejected": ("bigint", "Rows that were not, see ext.rejects"),
    "newest_at": ("timestamptz", "Newest time in it, UTC"),
    "read_at": ("timestamptz", "When it was read, UTC"),
    "digest": ("varchar", "Names what was read and how; the same again is not read again"),
}
"""Columns of `ext.extracts`, one row per extract, absent ones too."""
REJECTS: Mapping[str, tuple[str, str]] = {
    "name": ("varchar", "Name of the extract"),
    "read_from": ("varchar", "File or table that the row is in"),
    "read_row": ("bigint", "Row in it, from 1, the header not counted"),
    "column_name": ("varchar", "Column, by its name here"),
    "value": ("varchar", "What stands there; left out where it is personal"),
    "expected": ("varchar", "What was expected"),
}
"""Columns of `ext.rejects`, one row per value that kept a row out."""


def tables() -> dict[str, tuple[str, dict[str, tuple[str, str]]]]:
    """Table of `ext` -> (what a row is, column -> (DuckDB type, meaning))."""
    named = {name: (f"One row per {each.text}", each.stored()) for name, each in EXTRACTS.items()}
    return {
        "extracts": (
            "One row per extract that can be: whether it is here, and what was read",
            dict(REGISTER),
        ),
        **named,
        "rejects": ("One row per value that kept a row of an extract out", dict(REJECTS)),
    }


def ensure(connection: Connection) -> None:
    """Make the tables that are not there yet, and a row of the register for each extract.

    A table whose columns are those of another version is made anew, empty, and read again.
    """
    known: dict[str, list[str]] = {}
    for table, column in connection.execute(
        f"select table_name, column_name from information_schema.columns where table_schema = '{SCHEMA}'"
        " order by table_name, ordinal_position"
    ).fetchall():
        known.setdefault(table, []).append(column)
    missing = {table: columns for table, (_, columns) in tables().items() if known.get(table) != [*columns]}
    if not missing:
        return
    connection.begin()
    connection.execute(f"create schema if not exists {SCHEMA}")
    for table, columns in missing.items():
        listed = ", ".join(f'"{name}" {type_}' for name, (type_, _) in columns.items())
        connection.execute(f'create or replace table {SCHEMA}."{table}" ({listed})')
        if table in EXTRACTS:
            connection.execute(f"delete from {SCHEMA}.extracts where name = '{table}'")
    names = ", ".join(f"('{name}')" for name in EXTRACTS)
    connection.execute(
        f"insert into {SCHEMA}.extracts (name, is_present, rows, rejected) select known.name, false, 0, 0"
        f" from (values {names}) as known(name)"
        f" where known.name not in (select held.name from {SCHEMA}.extracts as held)"
    )
    connection.commit()
