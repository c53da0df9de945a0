"""The marts built by Spark over the files of `loop_raw`: from the same models, by SQLMesh's own adapter.

    python -m loop_returns.on_spark      with pyspark beside this package, and the destination `filesystem`

files -> views `loop_raw` of Spark;  `ops`, `ext` of the work file -> Parquet;  models -> tables of Spark

Which cluster, how much memory, which catalog and where its tables lie is said to Spark as ever, in
`spark-defaults.conf` of `SPARK_CONF_DIR`. SQLMesh keeps its state in `_data/work/spark.duckdb`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from loop_returns import instants, settings
from loop_returns.errors import LoopReturnsError, UsageError
from loop_returns.settings import Settings, prepare_dlt

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlmesh.core.config import Config

    from loop_returns.extract.file_store import FileStore
    from loop_returns.extract.files import FileTarget

GATEWAY = "spark"
"""The name by which the models' macros know the engine."""

ROWS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.legacy.createHiveTableByDefault": "false",
    "spark.sql.constraintPropagation.enabled": "false",
}
"""Without the first three Spark would give other rows than DuckDB; without the last one it runs out of memory
over `recon_upsell` while it plans."""


def build(of: Settings, merchant: dict[str, Any], as_of: datetime, tell: Callable[[str], None]) -> list[str]:
    """Build and audit every model that Spark can build.

    Args:
        of: The destination must be `filesystem`; the bucket must be one that Spark reads.
        merchant: The content of loop.toml.
        as_of: The build's one present.
        tell: Called with the name of each model that is built.

    Returns:
        Names of the models that were built.

    Raises:
        UsageError: The destination is another one.
        LoopReturnsError: A model could not be built, or an audit did not hold.
    """
    if of.destination != "filesystem":
        raise UsageError(
            "Spark reads files, not tables",
            cause=f"DESTINATION__NAME is {of.destination}",
            hint="set DESTINATION__NAME=filesystem, and DESTINATION__FILESYSTEM__BUCKET_URL",
        )
    from sqlmesh import Context
    from sqlmesh.core.console import set_console

    from loop_returns.extract import source
    from loop_returns.warehouse.mart_console import Recorder
    from loop_returns.warehouse.mart_project import transforms_dir
    from loop_returns.warehouse.mart_run import execute

    recorder = Recorder(lambda name, *_: tell(name))
    set_console(recorder)
    context = Context(paths=[str(transforms_dir())], config=config(of, merchant), load=False)
    spark = cast("Any", context.engine_adapter).spark
    with source.opened(of) as target:
        put_inputs(spark, cast("FileTarget", target).files.store, of.paths.work_file)
    execute(context, as_of, recorder, is_changed=True)
    return recorder.built


def config(of: Settings, merchant: dict[str, Any]) -> Config:
    """The project as every other engine has it, with Spark as its gateway."""
    from sqlmesh.core.config import DuckDBConnectionConfig, GatewayConfig, SparkConnectionConfig
    from sqlmesh.core.engine_adapter.spark import SparkEngineAdapter

    class Adapter(SparkEngineAdapter):
        """Hands seeds over as text, which is cast then: SQLMesh would make floats of decimals."""

        def _ensure_pyspark_df(self, generic_df: Any, *words: Any, **named: Any) -> Any:  # noqa: ANN401
            if self.try_get_pandas_df(generic_df) is not None:
                import pandas as pd

                text = generic_df.astype(object).where(generic_df.notna(), None)
                text = text.map(lambda value: None if pd.isna(value) else str(value))
                columns = ", ".join(f"`{name}` string" for name in text.columns)
                generic_df = self.spark.createDataFrame(text.values.tolist(), schema=columns)
            return super()._ensure_pyspark_df(generic_df, *words, **named)

    class Connection(SparkConnectionConfig):
        """SQLMesh's connection with that adapter."""

        @property
        def _engine_adapter(self) -> type[SparkEngineAdapter]:
            return Adapter

    from loop_returns.warehouse import mart_project

    work = of.paths.work
    common = mart_project.config(of.place, merchant, work / "spark" / "cache")
    gateway = GatewayConfig(
        connection=Connection(config=ROWS, register_comments=False),
        state_connection=DuckDBConnectionConfig(database=str(work / "spark.duckdb")),
    )
    return common.model_copy(update={"gateways": {GATEWAY: gateway}, "default_gateway": GATEWAY})


def put_inputs(spark: Any, store: FileStore, work_file: Path) -> None:  # noqa: ANN401 - pyspark has no types
    """Make views of all that the models only read."""
    from loop_returns.api import fields

    spark.sql("create database if not exists loop_raw")
    snapshot = store.snapshot()
    for table in fields.raw_columns():
        sql = raw_view(table, {name: store.addresses(snapshot, name) for name in (table, "returns")})
        spark.sql(f"create or replace view loop_raw.{table} as {sql}")
    for (schema, table), rows in _small(work_file).items():
        address = store.put(f"_inputs/{schema}.{table}.parquet", rows)
        spark.sql(f"create database if not exists {schema}")
        spark.sql(f"create or replace view {schema}.{table} as select * from parquet.`{address}`")


def raw_view(table: str, files: dict[str, list[str]]) -> str:
    """The rows of a raw table that count, in Spark's dialect: as the views of the work file, transpiled.

    Args:
        table: Raw table.
        files: Addresses of the files of the table, and of `returns`.
    """
    import sqlglot

    from loop_returns.extract import file_views

    named = {each: f"the_files_of_{each}" for each in (table, "returns")}
    columns = file_views.shown(table, json="varchar")
    sql = file_views.live(table, named[table], named["returns"], columns)
    (sql,) = sqlglot.transpile(sql, read="duckdb", write="spark")
    for each, placeholder in named.items():
        (none,) = sqlglot.transpile(file_views.empty(each), read="duckdb", write="spark")
        sql = sql.replace(placeholder, f"parquet.`{_one(files[each])}`" if files[each] else none)
    return sql


def _one(addresses: list[str]) -> str:
    """Files of one folder as one path."""
    folder = addresses[0].rpartition("/")[0]
    return f"{folder}/{{{','.join(each.rpartition('/')[2] for each in addresses)}}}"


def _small(work_file: Path) -> dict[tuple[str, str], pa.Table]:
    """Tables of `ops` and `ext`, which stay in the work file: JSON as text."""
    import duckdb

    from loop_returns.warehouse import ops_tables
    from loop_returns.warehouse.extracts import tables as extract_tables

    found: dict[tuple[str, str], pa.Table] = {}
    with duckdb.connect(str(work_file)) as database:
        database.execute("set timezone = 'UTC'")
        ops_tables.ensure(database)
        extract_tables.ensure(database)
        listed = "select schema_name, table_name from duckdb_tables() where schema_name in ('ops', 'ext')"
        for schema, table in database.execute(listed).fetchall():
            columns = database.execute(
                f"select column_name, column_type from (describe {schema}.{table})"
            ).fetchall()
            typed = ", ".join(
                f'"{name}"::varchar as "{name}"' if of == "JSON" else f'"{name}"' for name, of in columns
            )
            found[schema, table] = database.execute(f"select {typed} from {schema}.{table}").to_arrow_table()
    return found


def main() -> int:
    """Build, and say so on stderr."""
    prepare_dlt()
    try:
        built = build(
            settings.read(need_key=False),
            settings.merchant(),
            instants.now(),
            lambda name: print(f"built {name}", file=sys.stderr),
        )
    except LoopReturnsError as error:
        print(f"error: {error.message}\ncause: {error.cause}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print(f"{len(built)} models built by Spark", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
