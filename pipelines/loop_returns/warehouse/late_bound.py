"""What a build adds that is no table: the macro `marts.explain`, and the views of `compat`.

transforms/{explain,compat}.sql -> install(), after each build -> the work file -> the published file

They name no catalog, so they work in a copy of the file under any name.
"""

from __future__ import annotations

import duckdb

from loop_returns.warehouse.mart_project import transforms_dir

SCHEMA = "compat"
_EXPLAIN = "explain(return_id): one row per thing that is known to have happened to a return, in time order"
_OF_VIEWS = {
    "return_list": "stg_returns",
    "return_list_line_item": "stg_return_lines",
    "return_list_exchange": "stg_exchanges",
    "advanced_shipping_notice": "stg_shipping_notices",
    "returns": "stg_returns",
}
_RENAMED = {
    "id": "Loop's id",
    "return_list_id": "Loop's id of the return",
    "return_line_item_id": "Loop's id of the returned line",
    "line_items": "Returned units, a list of structs",
    "exchanges": "New items of an exchange, a list of structs",
}
_COLUMNS = """
    select own.table_name, own.column_name, source.comment
    from duckdb_columns() as own
    left join duckdb_columns() as source
        on source.database_name = own.database_name and source.schema_name = 'staging'
        and source.table_name = ? and source.column_name = own.column_name
    where own.database_name = current_database() and own.schema_name = 'compat' and own.table_name = ?
"""


def install(database: duckdb.DuckDBPyConnection) -> None:
    """Write macro and views into a built database whose tables have their comments."""
    for name in ("explain", "compat"):
        database.execute((transforms_dir() / f"{name}.sql").read_text())
    database.execute(f"comment on macro table marts.explain is '{_EXPLAIN}'")
    for view, table in _OF_VIEWS.items():
        for _, column, comment in database.execute(_COLUMNS, [table, view]).fetchall():
            text = (_RENAMED.get(column) or comment or "").replace("'", "''")
            database.execute(f"comment on column {SCHEMA}.{view}.\"{column}\" is '{text}'")
