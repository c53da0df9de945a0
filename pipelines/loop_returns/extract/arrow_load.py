"""Arrow tables of one batch into the raw tables, all in one transaction, without a file in between.

    Batch.tables -> delete what these returns had -> insert -> one row of _dlt_loads -> commit

So a death leaves all of a batch or nothing, and the rows are never written, read and parsed a second time.
On DuckDB every statement reads the arrived rows where they lie in memory; to Postgres they go by COPY first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa
from dlt.common.storages.load_package import create_load_id

from loop_returns.api import fields
from loop_returns.warehouse.place import Connection

_RETURNS, _NOTICES, _HISTORY = "returns", "advanced_shipping_notices", "return_history"
_RECORD = (
    "insert into {schema}._dlt_loads select '{load_id}', schema_name, 0, now(), schema_version_hash"
    " from {schema}._dlt_loads order by load_id desc limit 1"
)
_NEW_VERSION = (
    "where not exists (select 1 from {schema}.return_history as held"
    " where held.return_id = arrived.return_id and held.version_key = arrived.version_key)"
)
_CHILDREN = [name for name, spec in fields.TABLES.items() if spec.array]


def load(connection: Connection, schema: str, tables: Mapping[str, pa.Table]) -> str:
    """Load one batch: each return in it is replaced whole, with its children; the history only grows.

    Args:
        connection: Inside no transaction; every raw table exists (dlt makes them).
        schema: Where the raw tables are.
        tables: Raw table -> rows, each key once.

    Returns:
        The load id, as dlt would have made it; dlt's own record `_dlt_loads` has it too.
    """
    return _commit(connection, schema, tables, _statements)


def replace(connection: Connection, schema: str, table: str, key: str, rows: pa.Table) -> str:
    """Load rows of one table in the place of those with their keys; otherwise as `load`."""
    statements = [
        f"delete from {{schema}}.{table} where {key} in (select {key} from arrived_{table})",
        _insert(table, rows),
        _RECORD,
    ]
    return _commit(connection, schema, {table: rows}, lambda *_: statements)


def _commit(
    connection: Connection,
    schema: str,
    tables: Mapping[str, pa.Table],
    statements: Callable[[Connection, str, Mapping[str, pa.Table]], Iterable[str]],
) -> str:
    load_id = create_load_id()
    for name, rows in tables.items():
        connection.register(f"arrived_{name}", rows)
    connection.begin()
    try:
        for statement in statements(connection, schema, tables):
            connection.execute(statement.format(schema=schema, load_id=load_id))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        for name in tables:
            connection.unregister(f"arrived_{name}")
    return load_id


def _statements(connection: Connection, schema: str, tables: Mapping[str, pa.Table]) -> list[str]:
    by_id = "delete from {{schema}}.{0} where {1} in (select id from arrived_returns)"
    removed = []
    if _count(connection, f"{schema}.{_RETURNS} where id in (select id from arrived_{_RETURNS})"):
        removed = [by_id.format(_RETURNS, "id"), *(by_id.format(name, "return_id") for name in _CHILDREN)]
    if tables[_NOTICES].num_rows:
        removed.append(
            f"delete from {{schema}}.{_NOTICES} as held using arrived_{_NOTICES} as arrived"
            " where held.id = arrived.id and held.return_line_item_id = arrived.return_line_item_id"
        )
    return [
        *removed,
        *(_insert(name, tables[name]) for name in (_RETURNS, _NOTICES)),
        *(_insert(name, tables[name], "where arrived.is_removed is null") for name in _CHILDREN),
        _insert(_HISTORY, tables[_HISTORY], _NEW_VERSION),
        _RECORD,
    ]


def _insert(table: str, rows: pa.Table, condition: str = "") -> str:
    types = fields.raw_columns()[table]
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    values = ", ".join(
        f'cast(arrived."{name}" as json)' if types[name].type == "json" else f'arrived."{name}"'
        for name in rows.column_names
    )
    return (
        f"insert into {{schema}}.{table} ({names}, _dlt_load_id)"
        f" select {values}, '{{load_id}}' from arrived_{table} as arrived {condition}"
    )


def _count(connection: Connection, source: str) -> int:
    found = connection.execute(f"select count(*) from {source}").fetchone()
    return int(found[0]) if found else 0
