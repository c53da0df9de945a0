"""Models of which only the rows of returns that changed are built: those with the tag `per_return`.

mart_marks.News -> note(): sqlmesh.loop_returns_changed -> statements() -> mart_replay

Each row of such a model is made of the rows of one return, and of seeds. So the rows of returns that no load
touched are what they were, but for `as_of`, which is set. Whoever takes rows away without a load of their
return leaves rows too many here: `is_whole` counts, and then the model is built whole.
"""

from __future__ import annotations

from datetime import datetime

from loop_returns.api import fields
from loop_returns.warehouse.mart_marks import RAW_SCHEMA, SEED, News
from loop_returns.warehouse.mart_project import CATALOG, STATE
from loop_returns.warehouse.mart_script import PRESENT, Step
from loop_returns.warehouse.place import Connection

TABLE = f"{STATE}.loop_returns_changed"
TAG = "per_return"
KEYS = {f"{RAW_SCHEMA}.return_history": "return_id"} | {
    f"{RAW_SCHEMA}.{name}": "return_id" if spec.array else spec.primary_key[0]
    for name, spec in fields.TABLES.items()
    if name == "returns" or spec.array
}
"""Raw tables with rows of one return -> the column that names it."""
MOST = 0.2
"""Share of the returns up to which a slice is less work than the whole."""


def is_sliceable(step: Step) -> bool:
    """Whether the model says that it can be built by return, and no clock is in it but `as_of`."""
    return TAG in step.tags and (step.is_dated or PRESENT not in step.statement)


def note(connection: Connection, news: News) -> bool:
    """Write down which returns changed since the last build.

    Returns:
        False when nobody can tell, or when they are many: then every model is built whole.
    """
    if not news.loads.keys() >= KEYS.keys():
        return False
    parts = [
        f"select {key} as return_id from {table} where _dlt_load_id in ({_listed(news.loads[table])})"
        for table, key in KEYS.items()
        if news.loads[table]
    ]
    query = " union ".join(parts) or "select '' as return_id where false"
    connection.execute(f"create or replace table {TABLE} as {query}")
    few = connection.execute(
        f"select (select count(*) from {TABLE}) <= {MOST} * (select count(*) from {RAW_SCHEMA}.returns)"
    ).fetchone()
    return bool(few and few[0])


def forget(connection: Connection) -> None:
    """The build is over."""
    connection.execute(f"drop table if exists {TABLE}")


def statements(step: Step, as_of: datetime) -> list[str]:
    """What brings the model up to date: the rows of changed returns anew, `as_of` everywhere.

    Args:
        step: A model that is sliceable, whose table is that of the last build.
        as_of: The build's present, UTC.
    """
    query = _query(step.at(as_of))
    for parent in step.parents:
        if not parent.startswith(SEED):
            name = _quoted(parent)
            wanted = f"{KEYS.get(parent, 'return_id')} in (from {TABLE})"
            query = query.replace(f"{name} AS ", f"(select * from {name} where {wanted}) AS ")
    changes = [
        f"delete from {step.table} where return_id in (from {TABLE})",
        f"insert into {step.table} {query}",
    ]
    return [*changes, step.dating(as_of)] if step.is_dated else changes


def is_whole(connection: Connection, step: Step) -> bool:
    """Whether a model of raw tables holds as many rows as they do."""
    if KEYS.keys().isdisjoint(step.parents):
        return True
    same = connection.execute(
        f"select (select count(*) from {step.table}) = (select count(*) from ({_query(step)}))"
    ).fetchone()
    return bool(same and same[0])


def _query(step: Step) -> str:
    return step.statement.split(" AS ", 1)[1]


def _quoted(model: str) -> str:
    return ".".join(f'"{part}"' for part in (CATALOG, *model.split(".")))


def _listed(loads: frozenset[str]) -> str:
    return ", ".join("'" + load.replace("'", "''") + "'" for load in sorted(loads))
