"""What the raw tables held at the last build: the next one leaves out what cannot have changed since.

loop_raw (rows and the loads that wrote them), ext (a hash of all rows)
    -> sqlmesh.loop_returns_marks -> news() -> due(), mart_slices

Each write to a raw table puts rows with a load id of its own, or takes rows away. So the same number of rows,
written by the same loads, are the same rows. A model without a clock, of such tables alone, is as it was; one
that only says in `as_of` which present it is of, is as it was but for that. The marks are gone while a build
is at work: one that fails or is killed leaves none, and all is built again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from loop_returns.warehouse.extracts.columns import SCHEMA
from loop_returns.warehouse.extracts.tables import tables
from loop_returns.warehouse.mart_project import STATE
from loop_returns.warehouse.mart_script import Step
from loop_returns.warehouse.place import Connection, has

TABLE = f"{STATE}.loop_returns_marks"
RAW_SCHEMA = "loop_raw"
SEED = "staging.seed_"
"""How the names of the tables begin that are files of the models' folder: another file is another script."""
LOAD_ID = "_dlt_load_id"
Marks = Mapping[str, Mapping[str, int]]
"""Table, `schema.name` -> load -> rows; no raw table with rows that name no load."""


@dataclass(frozen=True, slots=True)
class News:
    """What loads have done since the last build.

    Attributes:
        same: Raw tables that hold what they held.
        loads: Raw table, of those that were marked at the last build -> loads that wrote to it since.
    """

    same: frozenset[str]
    loads: Mapping[str, frozenset[str]]


def take(connection: Connection) -> Marks:
    """What the raw tables hold now."""
    named = connection.execute(
        "select table_name from information_schema.columns where table_catalog = current_catalog()"
        f" and table_schema = '{RAW_SCHEMA}' and column_name = '{LOAD_ID}' order by 1"
    ).fetchall()
    marks: dict[str, dict[str, int]] = {}
    for (table,) in named:
        counts = f"select {LOAD_ID}, count(*) from {RAW_SCHEMA}.{table} group by 1 order by 1"
        loads = dict(connection.execute(counts).fetchall())
        if None not in loads:
            marks[f"{RAW_SCHEMA}.{table}"] = loads
    return {**marks, **_of_extracts(connection)}


def _of_extracts(connection: Connection) -> Marks:
    """The same of tables whose rows name no load: a hash of all rows in the place of a load.

    The hash is DuckDB's own: on Postgres none is marked, and what reads them is built each time.
    """
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        return {}
    hashes = (
        f"select cast(sum(hash(held)) as varchar), count(*) from {SCHEMA}.{name} as held" for name in tables()
    )
    found = [connection.execute(query).fetchall() for query in hashes]
    return {
        f"{SCHEMA}.{name}": dict(rows) if rows[0][1] else {}
        for name, rows in zip(tables(), found, strict=True)
    }


def news(connection: Connection, marks: Marks) -> News:
    """What is new in these marks."""
    kept: dict[str, dict[str, int]] = {}
    schema, table = TABLE.split(".")
    columns = connection.execute(
        "select column_name from information_schema.columns where table_catalog = current_catalog()"
        f" and table_schema = '{schema}' and table_name = '{table}'"
    ).fetchall()
    is_ours = {name for (name,) in columns} == {"name", "load", "rows"}  # not of another version's shape
    rows = connection.execute(f"select name, load, rows from {TABLE}").fetchall() if is_ours else []
    for name, load, count in rows:
        kept.setdefault(name, {}).update({load: count} if load else {})
    both = {name: (now, kept[name]) for name, now in marks.items() if name in kept}
    return News(
        frozenset(name for name, (now, before) in both.items() if now == before),
        {
            name: frozenset(load for load, count in now.items() if count > before.get(load, 0))
            for name, (now, before) in both.items()
        },
    )


def are_kept(connection: Connection) -> bool:
    """Whether the last build came to its end."""
    schema, table = TABLE.split(".")
    return has(connection, schema, table)


def forget(connection: Connection) -> None:
    """A build begins: until it has come to its end, anything can be half done."""
    connection.execute(f"drop table if exists {TABLE}")


def keep(connection: Connection, marks: Marks) -> None:
    """All models were built of what has these marks; a row without a load says that a table is marked."""
    rows = [(name, load, count) for name, loads in marks.items() for load, count in [("", 0), *loads.items()]]
    statements = [f"create or replace table {TABLE} (name varchar, load varchar, rows bigint)"]
    if rows:
        statements.append(f"insert into {TABLE} values {', '.join(map(str, rows))}")
    connection.execute("; ".join(["begin", *statements, "commit"]))


def due(steps: Iterable[Step], same: Iterable[str]) -> tuple[list[Step], frozenset[str]]:
    """What is to be done when these tables hold what they held at the last build.

    Returns:
        The models to build, in order, and the names of those among them of which only `as_of` is another.
    """
    known, dated, found = set(same), set[str](), list[Step]()
    for step in steps:
        is_same = all(parent in known or parent.startswith(SEED) for parent in step.parents)
        if is_same and step.is_dated:
            dated.add(step.model)
        if not (is_same and step.is_timeless):
            found.append(step)
        if is_same and (step.is_timeless or step.is_dated):
            known.add(step.model)
    return found, frozenset(dated)
