"""The models, written once in DuckDB's dialect, give on a real Postgres the rows that they give on DuckDB."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
from tests.support import postgres

from loop_returns.warehouse.mart_project import FIRST_DAY, model_variables, transforms_dir

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlmesh import Context
    from tests.support.whole_shop import WholeShop

BUILT = ("staging", "rules", "marts")
REMEMBERS = "marts.break_ledger"  # what a build adds to what the last one left: here, what DuckDB's has


def context(folder: Path) -> Context:
    """The project as Postgres sees it; only rendered, so nothing connects."""
    from sqlmesh import Context
    from sqlmesh.core.config import Config, GatewayConfig, ModelDefaultsConfig, PostgresConnectionConfig
    from sqlmesh.core.console import NoopConsole, set_console

    set_console(NoopConsole())
    server = PostgresConnectionConfig(host="-", user="-", password="", port=5432, database="postgres")
    settings = Config(
        gateways={"postgres": GatewayConfig(connection=server)},
        default_gateway="postgres",
        model_defaults=ModelDefaultsConfig(
            dialect="duckdb", start=FIRST_DAY, allow_partials=True, optimize_query=False
        ),
        variables=model_variables({}),
        disable_anonymized_analytics=True,
        cache_dir=str(folder),
    )
    return Context(paths=[str(transforms_dir())], config=settings)


def rows(fetched: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in one order, numbers by their value; doubles to twelve digits."""
    return sorted((tuple(map(_plain, row)) for row in fetched), key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value).normalize()
    return value


class Built(NamedTuple):
    """A table as Postgres has it."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def built(cursor: Any, table: str, query: exp.Query) -> Built:
    """Make a table of a model's query."""
    sql = query.sql("postgres").replace('"postgres".', "")
    cursor.execute(f"create table {table} as {sql}")
    cursor.execute(f"select * from {table}")
    return Built([column.name for column in cursor.description], cursor.fetchall())


def test_given_one_shop_when_each_model_is_built_on_both_engines_then_no_row_differs(
    whole_shop: WholeShop, tmp_path: Path, postgres_database: str
) -> None:
    project = context(tmp_path / "cache")
    different, compared = [], 0
    with (
        duckdb.connect(str(whole_shop.published), read_only=True) as database,
        postgres.opened(postgres_database) as cursor,
    ):
        database.execute("set timezone = 'UTC'")
        postgres.copy_inputs(database, cursor)
        for schema in BUILT:
            cursor.execute(f"create schema {schema}")
        as_of = database.execute("select max(as_of) from marts.run_control").fetchone()[0]  # type: ignore[index]
        for name in project.dag.sorted:
            model = project.models[name]
            table = f"{model.schema_name}.{model.view_name}"
            if model.kind.is_external:
                continue
            if model.kind.is_seed or table == REMEMBERS:
                postgres.copy_table(database, cursor, table)
                continue
            found = built(cursor, table, model.render_query_or_raise(execution_time=as_of, end=as_of))
            expected = database.execute(f"select {', '.join(found.columns)} from {table}").fetchall()
            compared += len(expected)
            if rows(found.rows) != rows(expected):
                different.append(table)
    assert different == []
    assert compared > 10_000
