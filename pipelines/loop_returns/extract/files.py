"""The destination `filesystem`: batches into Parquet files, `loop_raw` as views of the work file over them.

Batch -> FileStore.add -> <bucket>/loop_raw/<table>/*.parquet -> views loop_raw.* in the work file

The work file holds no row of `loop_raw`: a fresh machine makes the same views of the same files. Whoever
reads through `Target.client` reads what was loaded last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dlt
import duckdb
import pyarrow as pa

from loop_returns.api import fields
from loop_returns.errors import UsageError
from loop_returns.extract import file_views
from loop_returns.extract.batch import ARROW, Batch
from loop_returns.extract.coverage import Pull, Span
from loop_returns.extract.file_store import KEPT_SECONDS, LAYOUT, FileStore, Snapshot
from loop_returns.extract.pull_windows import Done, PullWindows
from loop_returns.extract.source import DATASET, Target, loop_returns

if TYPE_CHECKING:
    from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
    from dlt.destinations.sql_client import SqlClientBase

SOURCE = "loop_returns"
LOADS_BEFORE_A_BASE = 200
_CHUNK = 100_000
_MEMORY_OF_A_BASE = "1500MB"
"""What a base may hold of the newest loads of all returns; more goes to disk beside the work file."""
_WINDOW_COLUMNS = {name: ARROW[column.type] for name, column in fields.PULL_WINDOW_COLUMNS.items()} | {
    file_views.WINDOW_LOAD: pa.string()
}


class Files:
    """The files, and the views over them, which are renewed when they are read after a load.

    Args:
        connection: Of the work file.
        copies: Folder for copies of the files of a bucket elsewhere.

    Raises:
        UsageError: The work file is that of another destination.
    """

    def __init__(self, store: FileStore, connection: duckdb.DuckDBPyConnection, copies: Path) -> None:
        self.store = store
        self._connection = connection
        self._copies = copies
        self._is_new = True
        connection.execute(f"create schema if not exists {DATASET}")
        tables = f"select count(*) from duckdb_tables() where schema_name = '{DATASET}'"
        if connection.execute(tables).fetchone() != (0,):
            raise UsageError(
                "the work file holds the raw tables themselves",
                cause="it was written with another DESTINATION__NAME",
                hint="set LOOP_RETURNS_DATA_DIR to a folder of its own: everything is read anew into files",
            )

    def add(self, tables: dict[str, pa.Table]) -> str:
        """Load rows; see `FileStore.add`."""
        self._is_new = True
        return self.store.add(tables)

    def is_ready(self) -> bool:
        """Whether every table and column can be read: the first load makes them, an upgrade adds some."""
        try:
            return self.refresh()
        except duckdb.BinderException:  # a column that no file has yet
            return False

    def refresh(self) -> bool:
        """Let the views show what is there now; False when nothing was ever loaded."""
        if self._is_new:
            snapshot = self._here(self.store.snapshot())
            if not snapshot.loads:
                return False
            for table in fields.raw_columns():
                sql = file_views.live(table, *_sources(snapshot, table), file_views.shown(table))
                self._connection.execute(f"create or replace view {DATASET}.{table} as {sql}")
            self._is_new = False
        return True

    def rebase_when_due(self) -> None:
        """Put many loads into one file per table."""
        if len(self.store.snapshot().loads) > LOADS_BEFORE_A_BASE:
            self.rebase()

    def rebase(self, kept_seconds: float = KEPT_SECONDS) -> str:
        """Put all loads into one file per table; columns that no file has yet become null ones.

        Returns:
            The load id of these files.
        """
        self._is_new = True
        snapshot = self.store.snapshot()
        here = self._here(snapshot)
        rows = ((table, self._read(here, table)) for table in fields.raw_columns())
        before = self._connection.execute("select current_setting('memory_limit')").fetchone()
        self._connection.execute(f"set memory_limit = '{_MEMORY_OF_A_BASE}'")
        try:
            return self.store.rebase(rows, snapshot, kept_seconds)
        finally:
            self._connection.execute(f"set memory_limit = '{before[0] if before else '100MB'}'")

    def prepare(self, make: Callable[[], object]) -> None:
        """Make every table and column exist: dlt's part by `make`, then new columns in a base."""
        if not self.is_ready():
            make()
            if not self.is_ready():
                self.rebase()

    def _here(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with files of this machine; copies that it does not name are deleted."""
        files = {
            table: [self.store.fetch(path, self._copies) for path in paths]
            for table, paths in snapshot.files.items()
        }
        named = {path for paths in files.values() for path in paths}
        for copy in self._copies.glob("*/*"):
            if str(copy) not in named:
                copy.unlink()
        return Snapshot(files, snapshot.loads)

    def _read(self, snapshot: Snapshot, table: str) -> pa.RecordBatchReader:
        source, owners = _sources(snapshot, table, is_mixed=True)
        columns = ", ".join(
            f'cast(rows."{name}" as {of.replace("json", "varchar")}) as "{name}"'
            for name, of in file_views.stored(table).items()
        )
        sql = file_views.live(table, source, owners, columns)
        return self._connection.cursor().execute(sql).to_arrow_reader(_CHUNK)


def _sources(snapshot: Snapshot, table: str, *, is_mixed: bool = False) -> tuple[str, str]:
    return tuple(_source(snapshot, name, is_mixed) for name in (table, "returns"))  # type: ignore[return-value]


def _source(snapshot: Snapshot, table: str, is_mixed: bool) -> str:
    """What DuckDB reads after `from`; `is_mixed`: files of versions of this package with other columns."""
    files = snapshot.files.get(table, ())
    none = file_views.empty(table)
    if not files:
        return none
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    if is_mixed:
        return f"({none} union all by name select * from read_parquet([{listed}], union_by_name = true))"
    return f"read_parquet([{listed}])"


class _Reader:
    """dlt's client of the work file, which looks at the files anew before it reads."""

    def __init__(self, client: SqlClientBase[Any], files: Files) -> None:
        self._client = client
        self._files = files

    def execute_sql(self, sql: str, *words: object) -> object:
        self._files.refresh()
        return self._client.execute_sql(sql, *words)

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)


@contextmanager
def opened(views: SqlClientBase[Any], bucket: str, folder: Path) -> Iterator[Target]:
    """The files as a target.

    Args:
        views: dlt's client of the work file, open.
        bucket: A folder, or a bucket's address.
        folder: For dlt's working directory, and for copies of a bucket's files.
    """
    pipeline = dlt.pipeline(
        SOURCE,
        pipelines_dir=str(folder / "dlt" / "files"),
        destination=dlt.destinations.filesystem(bucket_url=bucket, layout=LAYOUT),
        dataset_name=DATASET,
    )
    connection = cast("duckdb.DuckDBPyConnection", views.native_connection)
    with pipeline._get_destination_clients(dlt.Schema(SOURCE))[0] as client:
        files = Files(FileStore(cast("FilesystemClient", client)), connection, folder / "files")
        yield FileTarget(pipeline, cast("SqlClientBase[Any]", _Reader(views, files)), files)
        files.refresh()
        files.rebase_when_due()
        files.refresh()


@dataclass(frozen=True, slots=True)
class FileTarget(Target):
    """The destination `filesystem`, held open."""

    files: Files

    def is_ready(self) -> bool:
        """Whether every raw table has every column."""
        return self.files.is_ready()

    def prepare(self) -> None:
        """Make every raw table and column exist that does not."""
        empty = loop_returns(Batch(""))
        self.files.prepare(
            lambda: self.pipeline.run(empty, loader_file_format="parquet", write_disposition="append")
        )

    def windows(self, api_version: str) -> PullWindows:
        """The record of what was read."""
        return FileWindows(self, api_version)

    def load(self, batch: Batch) -> str:
        """Load one batch: all of it counts, or nothing."""
        return self.files.add(batch.tables())

    def _replace(self, table: str, rows: pa.Table) -> str:
        return self.files.add({table: rows})


class FileWindows(PullWindows):
    """`pull_windows` in files: each change of a window is one more row of it, and the last one counts."""

    def __init__(self, target: FileTarget, api_version: str) -> None:
        super().__init__(target.client, api_version)
        self._files = target.files

    def begin(self, pull: Pull) -> None:
        """Write the plan down: its bound is now frozen."""
        self._put(self._row(pull.run_id, pull.bound, span, "planned") for span in pull.spans)

    def finish(self, pull: Pull, done: Iterable[Done], load_id: str) -> None:
        """Mark windows complete; to be called after the load that holds their last row."""
        self._put(
            self._row(pull.run_id, pull.bound, one.span, "complete")
            | {
                "pages": one.pages,
                "rows": one.rows,
                "requests": one.requests,
                "started_at": one.started_at,
                "finished_at": one.finished_at,
                file_views.WINDOW_LOAD: load_id,
            }
            for one in done
        )

    def halve(self, pull: Pull, span: Span) -> tuple[Span, Span]:
        """Put two windows in the place of one that the API refused."""
        older, newer = (Span(span.of, window) for window in span.window.halves())
        parts = [(span, file_views.GONE), (older, "planned"), (newer, "planned")]
        self._put(self._row(pull.run_id, pull.bound, part, status) for part, status in parts)
        return older, newer

    def abandon(self) -> None:
        """Forget plans that nobody will finish."""
        left = [one for one in self.record().entries if not one.is_complete]
        self._put(self._row(one.run_id, one.bound, one.span, file_views.GONE) for one in left)

    def _row(self, run_id: str, bound: datetime, span: Span, status: str) -> dict[str, object]:
        return {
            "run_id": run_id,
            "endpoint": span.of.endpoint,
            "pass": span.of.name,
            "window_from": span.window.start,
            "window_to": span.window.end,
            "bound": bound,
            "status": status,
            "api_version": self._api_version,
            file_views.WINDOW_LOAD: "",
        }

    def _put(self, rows: Iterable[dict[str, object]]) -> None:
        held = list(rows)
        columns = {
            name: pa.array([row.get(name) for row in held], of) for name, of in _WINDOW_COLUMNS.items()
        }
        if held:
            self._files.add({file_views.WINDOWS: pa.table(columns)})
