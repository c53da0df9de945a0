"""Models as SQL on tables in memory: rows in, rows out, without a build, for tests with many small shops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from loop_returns.warehouse.mart_project import config, transforms_dir
from loop_returns.warehouse.place import Place

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]


class Marts:
    """Models in the order in which they stand on each other, and the tables that they read."""

    def __init__(self, sql: Mapping[str, str], columns: Mapping[str, Mapping[str, str]]) -> None:
        self.sql, self.columns = sql, columns
        self.database = duckdb.connect()
        self.database.execute("set timezone = 'UTC'; attach ':memory:' as loop; use loop")
        for schema in {name.split(".")[0] for name in (*sql, *columns, "staging.")}:
            self.database.execute(f"create schema {schema}")
        for table, typed in columns.items():
            listed = ", ".join(f"{name} {type_}" for name, type_ in typed.items())
            self.database.execute(f"create table {table} ({listed})")
        for file in (transforms_dir() / "seeds").glob("*.csv"):
            self.database.execute(
                f"create table staging.seed_{file.stem} as select * from read_csv('{file}')"
            )

    def build(self, tables: Tables) -> None:
        """Replace the content of every table, and build the models of it."""
        for table in self.columns:
            self.database.execute(f"delete from {table}")
            for row in tables.get(table, ()):
                places = ", ".join("?" * len(row))
                self.database.execute(
                    f"insert into {table} ({', '.join(row)}) values ({places})", [*row.values()]
                )
        for name, text in self.sql.items():
            self.database.execute(f"create or replace table {name} as {text}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query of them says."""
        return self.database.execute(sql).fetchall()


@contextmanager
def rendered(
    names: Sequence[str], columns: Mapping[str, Mapping[str, str]], now: datetime, folder: Path
) -> Iterator[Marts]:
    """The models `names` with the default settings.

    Args:
        names: Models with their schema, each after those that it reads.
        columns: Table with its schema -> column -> type; seeds are there by themselves.
        now: The present of the models.
        folder: Where SQLMesh may keep its cache.
    """
    from sqlmesh import Context

    settings = config(Place(folder / "loop.duckdb"), {}, folder / "cache")
    context = Context(paths=[str(transforms_dir())], config=settings)
    sql = {
        name: context.get_model(name).render_query_or_raise(execution_time=now).sql("duckdb")
        for name in names
    }
    context.close()
    marts = Marts(sql, columns)
    yield marts
    marts.database.close()
