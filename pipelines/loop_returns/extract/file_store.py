"""`loop_raw` as Parquet files in a bucket or folder: every load adds files, none is ever changed.

rows -> <table>/<load>.rows.parquet, last _dlt_loads/loop_returns__<load>.jsonl      a load
all  -> <table>/<load>.base.parquet, _bases/<load>.json, the same record             what it holds, at once

The layout and the record are those of dlt's filesystem destination. A load counts once its record is there,
so a death between any two files leaves nothing that is seen. A base takes the place of the loads that its
list names, which are left where they are for a week: whoever reads them now goes on reading.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.storages.load_package import create_load_id

from loop_returns.api import fields
from loop_returns.errors import LoopReturnsError

if TYPE_CHECKING:
    from dlt.destinations.impl.filesystem.filesystem import FilesystemClient

LOAD_ID = "_dlt_load_id"
LAYOUT = "{table_name}/{load_id}.{file_id}.{ext}"
KEPT_SECONDS = 7 * 24 * 60 * 60
_ROWS, _BASE = "rows", "base"
_BASES = "_bases"
_AHEAD_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files that count at one moment.

    Attributes:
        files: Raw table -> paths of the filesystem, oldest first; a table that never had a row may have none.
        loads: Ids of the loads that count, oldest first, the base's before those after it.
    """

    files: Mapping[str, Sequence[str]]
    loads: Sequence[str] = ()


class FileStore:
    """The files of one dataset.

    Args:
        client: dlt's client of the filesystem destination.
    """

    def __init__(self, client: FilesystemClient) -> None:
        self._client = client
        self.filesystem: Any = client.fs_client
        self.is_local = client.is_local_filesystem

    def snapshot(self) -> Snapshot:
        """Look what is there now."""
        counted = self._recorded()
        base, held = self._base(counted)
        counts = {base, *counted} - held
        named: dict[str, list[tuple[str, str]]] = {}
        for table, path, load, kind in self._files():
            if load in counts and (kind == _BASE) == (load == base):
                named.setdefault(table, []).append((load, path))
        files = {table: [path for _, path in sorted(found)] for table, found in named.items()}
        return Snapshot(files, sorted(counts - {""}))

    def add(self, tables: Mapping[str, pa.Table]) -> str:
        """Write one load: the rows of each table, then the record that makes them count.

        Returns:
            The load id, greater than that of every load before it.
        """
        load = self._next()
        for table, rows in tables.items():
            if rows.num_rows:
                named = rows.append_column(LOAD_ID, pa.repeat(load, rows.num_rows))
                self._write(self._path(table, load, _ROWS), named.schema, named.to_batches())
        self._client.complete_load(load)
        return load

    def rebase(
        self, rows: Iterable[tuple[str, pa.RecordBatchReader]], before: Snapshot, kept_seconds: float
    ) -> str:
        """Put all that a snapshot shows into one file per table, and delete what has been replaced for long.

        Args:
            rows: Each raw table and its rows with their load ids; read one after the other.
            before: The snapshot; a load that came meanwhile goes on counting.
            kept_seconds: How old a replaced file must be to be deleted.

        Returns:
            The load id of the base.
        """
        load = self._next()
        for table, reader in rows:
            self._write(self._path(table, load, _BASE), reader.schema, reader)
        recorded = set(self._recorded())
        held = sorted(recorded.intersection(before.loads) | self._base(recorded)[1])
        self.filesystem.makedirs(self._join(_BASES), exist_ok=True)
        with self.filesystem.open(self._join(_BASES, f"{load}.json"), "w") as out:
            json.dump(held, out)
        self._client.complete_load(load)
        self._forget(set(held), time.time() - kept_seconds)
        return load

    def _forget(self, held: set[str], end: float) -> None:
        """Delete files of before `end` that nothing counts any more, the records of their loads last."""
        recorded = set(self._recorded())
        old = {load for load in held if float(load) < end}
        for _, path, load, _ in list(self._files()):
            if load in old or (load not in recorded and float(load) < end):
                self.filesystem.rm(path)
        for load in old:
            for path in (self._record(load), self._join(_BASES, f"{load}.json")):
                if self.filesystem.exists(path):
                    self.filesystem.rm(path)

    def _next(self) -> str:
        """An id for a load: the present, but later than every load that is there.

        Raises:
            LoopReturnsError: The last load is of the future: one of the clocks is wrong.
        """
        last = max(map(float, self._recorded()), default=0.0)
        if last > time.time() + _AHEAD_SECONDS:
            raise LoopReturnsError(
                "the clock of this machine is behind the last load",
                cause=f"that load was made at {last:.0f}, seconds since 1970",
                hint="set the clock: of two versions of a return the later load's counts",
            )
        load = create_load_id()
        return load if float(load) > last else f"{last + 0.00001:.5f}"

    def _base(self, recorded: Iterable[str]) -> tuple[str, set[str]]:
        """The newest base that counts, and the loads that it holds."""
        folder = self._join(_BASES)
        found = self.filesystem.ls(folder, detail=False) if self.filesystem.isdir(folder) else []
        named = {_name(path).removesuffix(".json"): path for path in found}
        counts = sorted(named.keys() & set(recorded))
        if not counts:
            return "", set()
        with self.filesystem.open(named[counts[-1]]) as text:
            return counts[-1], set(json.load(text))

    def _recorded(self) -> list[str]:
        """Loads whose record is there."""
        folder = self._client.get_table_dir(self._client.schema.loads_table_name)
        if not self.filesystem.isdir(folder):
            return []
        found = self.filesystem.ls(folder, detail=False)
        return sorted(_name(path).removesuffix(".jsonl").rpartition("__")[2] for path in found)

    def _files(self) -> Iterator[tuple[str, str, str, str]]:
        """Table, path, load, kind of every file of rows, whether it counts or not."""
        for table in fields.raw_columns():
            folder = self._client.get_table_dir(table)
            found = self.filesystem.ls(folder, detail=False) if self.filesystem.isdir(folder) else []
            for path in found:
                load, kind, _ = _name(path).rsplit(".", 2)
                if kind in (_ROWS, _BASE):  # dlt's own files hold the columns and no row
                    yield table, path, load, kind

    def _write(self, path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self.filesystem.open(path, "wb") as out:
            with pq.ParquetWriter(out, schema, compression="zstd") as writer:
                for batch in batches:
                    writer.write_batch(batch)
            if self.is_local:
                out.flush()
                os.fsync(out.fileno())

    def _path(self, table: str, load: str, kind: str) -> str:
        return f"{self._client.get_table_dir(table)}{load}.{kind}.parquet"

    def _record(self, load: str) -> str:
        schema = self._client.schema
        return f"{self._client.get_table_dir(schema.loads_table_name)}{schema.name}__{load}.jsonl"

    def _join(self, *names: str) -> str:
        return self._client.dataset_path.rstrip("/") + "/" + "/".join(names)

    def addresses(self, snapshot: Snapshot, table: str) -> list[str]:
        """A table's files as an engine elsewhere opens them: with the bucket's protocol."""
        return [self._client.make_remote_url(path) for path in snapshot.files.get(table, ())]

    def put(self, name: str, rows: pa.Table) -> str:
        """Write rows of no load into a file, in the place of what it held; returns its address."""
        path = self._join(name)
        self._write(path, rows.schema, rows.to_batches())
        return self._client.make_remote_url(path)

    def fetch(self, path: str, folder: Path) -> str:
        """A file of a snapshot on this machine's disk: itself, or a copy that is made once."""
        if self.is_local:
            return path
        table, name = path.rsplit("/", 2)[1:]
        copy = folder / table / name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            half = copy.with_suffix(".half")
            self.filesystem.get_file(path, str(half))
            half.replace(copy)
        return str(copy)


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
