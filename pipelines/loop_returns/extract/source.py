"""The dlt source `loop_returns`: one load's rows as resources, one per raw table.

    Batch -> loop_returns(batch) -> dlt -> loop_raw        makes the tables; any destination
    Batch -> arrow_load -> loop_raw                        rows into DuckDB or Postgres, without a file

The root tables merge on their key; the children are replaced with their return (`merge_key="return_id"`), and
a row marked `is_removed` deletes without being stored, so that a child that vanished upstream vanishes here.
`return_history` only grows.

dlt's own pending packages are never resumed: a resumed one can double rows (engine.md). Everything a run
needs to know is in the destination, so its working directory is made anew by each run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import dlt
import duckdb
import pyarrow as pa
from dlt.extract import DltResource

from loop_returns.api import fields
from loop_returns.extract import arrow_load, postgres_tables
from loop_returns.extract.batch import ARROW, Batch
from loop_returns.extract.pull_windows import PullWindows
from loop_returns.settings import Settings
from loop_returns.warehouse.place import Connection
from loop_returns.warehouse.postgres import Postgres

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.destinations.sql_client import SqlClientBase

DATASET = "loop_raw"
_PIPELINE = "loop_returns"
_REPLACE = {"disposition": "merge", "strategy": "delete-insert"}
_ADD_NEW = {"disposition": "merge", "strategy": "insert-only"}
_DUCKDB = {"checkpoint_threshold": "128MB", "memory_limit": "100MB", "threads": "1", "timezone": "UTC"}
"""One thread: a load is too small for two, and pages are read in others meanwhile."""
_BY_KEY = {
    "webhook_events": fields.WEBHOOK_EVENT_KEY,
    "webhook_counters": fields.WEBHOOK_COUNTER_KEY,
    "return_details": fields.RETURN_DETAIL_KEY,
}
"""Tables that no page of a list fills: a row takes the place of the one with its key."""
_PRECISION: Mapping[str, Mapping[str, object]] = {
    "decimal": {"precision": 18, "scale": 4},
    "timestamp": {"precision": 6, "timezone": True},
}


def _hints(columns: Mapping[str, fields.Column], key: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: {
            "data_type": column.type,
            "nullable": name not in key,
            **_PRECISION.get(column.type, {}),
            **({"hard_delete": True} if name == "is_removed" else {}),
        }
        for name, column in columns.items()
    }


def _resource(table: str, key: tuple[str, ...], rows: pa.Table, **how: object) -> DltResource:
    resource: DltResource = dlt.resource(
        [rows], name=table, columns=_hints(fields.raw_columns()[table], key), **cast("Any", how)
    )
    return resource


@dlt.source(name="loop_returns", max_table_nesting=0)
def loop_returns(batch: Batch) -> Iterator[DltResource]:
    """One load of returns, their children, their history and shipping notices.

    Args:
        batch: What was read; an empty one still makes every table and column exist.

    Yields:
        One resource per raw table, named as the table.

    Source: Loop API, Detailed Returns List and Advanced Shipping Notice.
    Layout: engine.md, "Layout of children".
    """
    tables = batch.tables()
    for name, spec in fields.TABLES.items():
        merge: dict[str, Any] = {"primary_key": spec.primary_key, "write_disposition": _REPLACE}
        if spec.array:
            merge["merge_key"] = "return_id"
        yield _resource(name, spec.primary_key, tables[name], **merge)
    key = ("return_id", "version_key")
    grow = {"primary_key": key, "write_disposition": _ADD_NEW}
    yield _resource("return_history", key, tables["return_history"], **grow)
    others = ("pull_windows", *_BY_KEY)
    none = {name: _empty(fields.raw_columns()[name]) for name in others}
    yield _resource("pull_windows", fields.PULL_WINDOW_KEY, none["pull_windows"], write_disposition="append")
    for name in _BY_KEY:
        yield _by_key(name, none[name])


def _empty(columns: Mapping[str, fields.Column]) -> pa.Table:
    return pa.table({name: pa.array([], ARROW[of.type]) for name, of in columns.items()})


def _by_key(table: str, rows: pa.Table) -> DltResource:
    key = _BY_KEY[table]
    return _resource(table, key, rows, primary_key=key, write_disposition=_REPLACE)


@dataclass(frozen=True, slots=True)
class Target:
    """The destination, held open: dlt makes its tables, one client of it reads and writes them.

    The client is opened once: each opening costs as much as loading some hundred rows, and dlt keeps the
    caller's frames, with all that they hold, for as long as it lives.
    """

    pipeline: Pipeline
    client: SqlClientBase[Any]

    def is_ready(self) -> bool:
        """Whether every raw table has every column: the first load makes them, an upgrade adds some."""
        found = self.client.execute_sql(
            "select table_name, column_name from information_schema.columns where table_schema = %s",
            self.client.dataset_name,
        )
        there = {(row[0], row[1]) for row in found or []}
        return all((table, name) in there for table, held in fields.raw_columns().items() for name in held)

    def windows(self, api_version: str) -> PullWindows:
        """The record of what was read."""
        return PullWindows(self.client, api_version)

    def prepare(self) -> None:
        """Make every raw table and column exist that does not."""
        if not self.is_ready():
            is_postgres = isinstance(self.connection, Postgres)
            made = self.pipeline.run(
                loop_returns(Batch("")), loader_file_format="insert_values" if is_postgres else "parquet"
            )
            made.raise_on_failed_jobs()
            if is_postgres:
                postgres_tables.index(self.connection, self.client.dataset_name)

    @property
    def connection(self) -> Connection:
        """The client's connection, in DuckDB's dialect."""
        held = self.client.native_connection
        return held if isinstance(held, duckdb.DuckDBPyConnection) else Postgres(held)

    def load(self, batch: Batch) -> str:
        """Load one batch into tables that exist; when this returns, every row of it is in them.

        Returns:
            The load id.
        """
        return arrow_load.load(self.connection, self.client.dataset_name, batch.tables())

    def load_events(self, events: pa.Table) -> str:
        """Load webhook deliveries, each in the place of what was there of it; all of them or none.

        Returns:
            The load id.
        """
        return self._replace("webhook_events", events)

    def load_counters(self, counters: pa.Table) -> str:
        """Load what the webhook receiver counted; otherwise as `load_events`."""
        return self._replace("webhook_counters", counters)

    def load_details(self, details: pa.Table) -> str:
        """Load returns that were read by id; otherwise as `load_events`."""
        return self._replace("return_details", details)

    def _replace(self, table: str, rows: pa.Table) -> str:
        (key,) = _BY_KEY[table]
        return arrow_load.replace(self.connection, self.client.dataset_name, table, key, rows)


@contextmanager
def opened(settings: Settings) -> Iterator[Target]:
    """The destination's `loop_raw`, with a working directory of dlt that holds nothing of an earlier run.

    A DuckDB file is held open by one connection until the end: dlt would close it after each step, and each
    time write the whole log into the file. What a death leaves in the log is replayed by whoever opens it.

    Args:
        settings: Names the destination and the data directory; dlt's files live below `work/dlt`.
    """
    folder = settings.paths.work / "dlt"
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        destination: Any = settings.destination
        if destination in ("duckdb", "filesystem"):
            connection = stack.enter_context(duckdb.connect(str(settings.paths.work_file)))
            for name, value in _DUCKDB.items():
                connection.execute(f"set {name} = '{value}'")
            destination = dlt.destinations.duckdb(connection)
        elif destination == "postgres":
            destination = postgres_tables.destination(settings.dsn)
        pipeline = dlt.pipeline(
            _PIPELINE, pipelines_dir=str(folder), destination=destination, dataset_name=DATASET
        )
        with pipeline.sql_client() as client:
            if settings.destination == "filesystem":
                from loop_returns.extract import files

                with files.opened(client, settings.bucket, settings.paths.work) as target:
                    yield target
            else:
                yield Target(pipeline, client)
