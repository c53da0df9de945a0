"""Arrow tables of one batch into DuckDB, all in one transaction, without a file in between.

    Batch.tables -> delete what these returns had -> insert -> one row of _dlt_loads -> commit

So a death leaves all of a batch or nothing, and the rows are never written, read and parsed a second time.
Every statement reads the arrived rows where they lie in memory. Other destinations load through dlt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import duckdb
import pyarrow as pa
from dlt.common.storages.load_package import create_load_id

from loop_returns.api import fields

_RETURNS, _NOTICES, _HISTORY = "returns", "advanced_shipping_notices", "return_history"
_RECORD = (
    "insert into {schema}._dlt_loads select '{load_id}', schema_name, 0, now(), schema_version_hash"
    " from {schema}._dlt_loads order by load_id desc limit 1"
)
_CHILDREN = [name for name, spec in fields.TABLES.items() if spec.array]


def load(connection: duckdb.DuckDBPyConnection, schema: str, tables: Mapping[str, pa.Table]) -> str:
    """Load one batch: each return in it is replaced whole, with its children; the history only grows.

    Args:
        connection: Of the work file, inside no transaction; every raw table exists (dlt makes them).
        schema: Where the raw tables are.
        tables: Raw table -> rows, each key once.

    Returns:
        The load id, as dlt would have made it; dlt's own record `_dlt_loads` has it too.
    """
    return _commit(connection, schema, tables, _statements)


def replace(connection: duckdb.DuckDBPyConnection, schema: str, table: str, key: str, rows: pa.Table) -> str:
    """Load rows of one table in the place of those with their keys; otherwise as `load`."""
    statements = [
        f"delete from {{schema}}.{table} where {key} in (select {key} from arrived_{table})",
        _insert(table),
        _RECORD,
    ]
    return _commit(connection, schema, {table: rows}, lambda *_: statements)


def _commit(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    tables: Mapping[str, pa.Table],
    statements: Callable[[duckdb.DuckDBPyConnection, str], Sequence[str]],
) -> str:
    load_id = create_load_id()
    for name, rows in tables.items():
        connection.register(f"arrived_{name}", rows)
    connection.begin()
    try:
        for statement in statements(connection, schema):
            connection.execute(statement.format(schema=schema, load_id=load_id))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        for name in tables:
            connection.unregister(f"arrived_{name}")
    return load_id


def _statements(connection: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    by_id = "delete from {{schema}}.{0} where {1} in (select id from arrived_returns)"
    removed = []
    if _count(connection, f"{schema}.{_RETURNS} semi join arrived_{_RETURNS} using (id)"):
        removed = [by_id.format(_RETURNS, "id"), *(by_id.format(name, "return_id") for name in _CHILDREN)]
    if _count(connection, f"arrived_{_NOTICES}"):
        removed.append(
            f"delete from {{schema}}.{_NOTICES} where (id, return_line_item_id) in"
            f" (select (id, return_line_item_id) from arrived_{_NOTICES})"
        )
    return [
        *removed,
        *(_insert(name) for name in (_RETURNS, _NOTICES)),
        *(_insert(name, "where is_removed is null") for name in _CHILDREN),
        _insert(_HISTORY, "anti join {schema}.return_history as held using (return_id, version_key)"),
        _RECORD,
    ]


def _insert(table: str, condition: str = "") -> str:
    return (
        f"insert into {{schema}}.{table} by name"
        f" select arrived.*, '{{load_id}}' as _dlt_load_id from arrived_{table} as arrived {condition}"
    )


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    found = connection.execute(f"select count(*) from {source}").fetchone()
    return int(found[0]) if found else 0
