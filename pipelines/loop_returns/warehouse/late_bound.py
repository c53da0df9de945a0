"""What a build adds that is no table: the macro `marts.explain`, and the views of `compat`.

transforms/{explain,compat}.sql -> install(), after each build -> the work file -> the published file

They name no catalog, so they work in a copy of the file under any name.
"""

from __future__ import annotations

import duckdb

from loop_returns.warehouse.mart_project import transforms_dir

SCHEMA = "compat"
_EXPLAIN = "explain(return_id): one row per thing that is known to have happened to a return, in time order"
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


def install(database: duckdb.DuckDBPyConnection) -> None:
    """Write macro and views into a built database; dictionary.describe() says what their columns mean."""
    for name in ("explain", "compat"):
        database.execute((transforms_dir() / f"{name}.sql").read_text())
    database.execute(f"comment on macro table marts.explain is '{_EXPLAIN}'")
