"""What the raw tables held at the last build: the next one leaves out what cannot have changed since.

loop_raw (rows and the loads that wrote them) -> sqlmesh.loop_returns_marks -> due()

Each write to a raw table puts rows with a load id of its own, or takes rows away. So the same number of rows,
written by the same loads, are the same rows. A model without a clock, of such tables alone, is as it was. The
marks are gone while a build is at work: one that fails or is killed leaves none, and all is built again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import duckdb

from loop_returns.warehouse.mart_project import CATALOG
from loop_returns.warehouse.mart_script import Step

TABLE = f"{CATALOG}.sqlmesh.loop_returns_marks"
RAW_SCHEMA = "loop_raw"
LOAD_ID = "_dlt_load_id"


def take(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Mark of each raw table, by `schema.name`; none of a table with rows that name no load."""
    named = connection.execute(
        "select table_name from duckdb_columns() where database_name = current_catalog()"
        f" and schema_name = '{RAW_SCHEMA}' and column_name = '{LOAD_ID}' order by 1"
    ).fetchall()
    counts = " union all ".join(
        f"select '{RAW_SCHEMA}.{table}', count(*), count({LOAD_ID}), sum(hash({LOAD_ID}))"
        f" from {RAW_SCHEMA}.{table}"
        for (table,) in named
    )
    rows = connection.execute(counts).fetchall() if counts else []
    return {table: f"{count} {loads}" for table, count, known, loads in rows if count == known}


def unchanged(connection: duckdb.DuckDBPyConnection, marks: Mapping[str, str]) -> set[str]:
    """Raw tables whose mark is that of the last build."""
    try:
        kept = dict(connection.execute(f"select name, mark from {TABLE}").fetchall())
    except duckdb.CatalogException:
        return set()
    return {table for table, mark in marks.items() if kept.get(table) == mark}


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """A build begins: until it has come to its end, anything can be half done."""
    connection.execute(f"drop table if exists {TABLE}")


def keep(connection: duckdb.DuckDBPyConnection, marks: Mapping[str, str]) -> None:
    """All models were built of what has these marks."""
    rows = ", ".join(f"('{table}', '{mark}')" for table, mark in marks.items())
    statements = [f"create or replace table {TABLE} (name varchar, mark varchar)"]
    statements += [f"insert into {TABLE} values {rows}"] if rows else []
    connection.execute("; ".join(["begin", *statements, "commit"]))


def due(steps: Iterable[Step], same: set[str]) -> Iterator[Step]:
    """The models to build, in order, when these tables are the same as at the last build."""
    known = set(same)
    for step in steps:
        if step.is_timeless and known.issuperset(step.parents):
            known.add(step.model)
        else:
            yield step
