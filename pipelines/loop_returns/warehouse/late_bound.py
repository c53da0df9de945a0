"""What a build adds that is no table: the macro `marts.explain`, and the views of `compat`.

transforms/{explain,compat}.sql -> install(), after each build -> the work file -> the published file

They name no catalog, so they work in a copy of the file under any name. Postgres has those views that have
no lists in them; the macro and the others are in the file that is published from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb

from loop_returns.warehouse.mart_project import transforms_dir
from loop_returns.warehouse.place import Connection, in_own_words

SCHEMA = "compat"
_EXPLAIN = "explain(return_id): one row per thing that is known to have happened to a return, in time order"
_DEFINED = re.compile(r"^(create or replace view .*?);\n(comment on view .*?);$", re.DOTALL | re.MULTILINE)
VIEWS = {
    "return_list": "stg_returns",
    "return_list_line_item": "stg_return_lines",
    "return_list_exchange": "stg_exchanges",
    "advanced_shipping_notice": "stg_shipping_notices",
    "returns": "stg_returns",
}
"""View of `compat` -> table of `staging` whose columns it has."""
RENAMED = {
    "id": "Loop's id",
    "return_list_id": "Loop's id of the return",
    "return_line_item_id": "Loop's id of the returned line",
    "line_items": "Returned units, a list of structs",
    "exchanges": "New items of an exchange, a list of structs",
}
"""Columns of the views that are called otherwise there -> what they mean."""


def install(database: Connection) -> None:
    """Write macro and views into a built database; dictionary.describe() says what their columns mean."""
    if not isinstance(database, duckdb.DuckDBPyConnection):
        in_own_words(database, ";\n".join(_for_postgres(database)))
        return
    for name in ("explain", "compat"):
        database.execute((transforms_dir() / f"{name}.sql").read_text())
    database.execute(f"comment on macro table marts.explain is '{_EXPLAIN}'")


def remove(database: Connection) -> None:
    """Drop the views before models change: Postgres changes no column that a view shows."""
    if not isinstance(database, duckdb.DuckDBPyConnection):
        in_own_words(database, f"drop schema if exists {SCHEMA} cascade")


def _for_postgres(database: Connection) -> Iterator[str]:
    """The views with the names of the columns that are there, since Postgres has no `* exclude`."""
    from sqlglot import exp, parse_one
    from sqlglot.optimizer.qualify import qualify

    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in database.execute(
        "select table_name, column_name, data_type from information_schema.columns"
        " where table_schema = 'staging' order by table_name, ordinal_position"
    ).fetchall():
        columns.setdefault(table, {})[column] = kind
    yield f"create schema if not exists {SCHEMA}"
    for definition, comment in _DEFINED.findall((transforms_dir() / "compat.sql").read_text()):
        view = parse_one(definition, read="duckdb")
        is_there = columns.keys() >= {table.name for table in view.expression.find_all(exp.Table)}
        if is_there and not view.find(exp.Struct):
            view.set("expression", qualify(view.expression, schema={"staging": columns}, dialect="duckdb"))
            yield from (view.sql("postgres"), comment)
