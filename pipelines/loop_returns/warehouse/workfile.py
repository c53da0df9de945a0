"""The two DuckDB files, the one that runs write and the one that people open, and who may write.

DuckDB lets one process write or many read. A run writes the work file; `publish` puts a whole copy of it in
the place of the published file, so that an open reader never stops a run and never sees half of one.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from fasteners import InterProcessLock

from loop_returns.errors import DatabaseLockedError, LoopReturnsError
from loop_returns.settings import Paths
from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.place import Place, has

_HELD = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
_RETRY_SECONDS = 0.25


@contextmanager
def writer(
    paths: Paths, place: Place, wait_seconds: float, notify: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Be the one writer of this data directory and of its tables: run lock held, tables free and readable.

    Args:
        paths: The data directory; made if it is not there.
        place: Where the tables are. A work file is asked whether it is free; of a Postgres database the one
            writer's advisory lock is taken, since other hosts may write it, too.
        wait_seconds: How long to wait for another run, or for whoever holds the tables.
        notify: Told once, in one line, that there is something to wait for.

    Raises:
        DatabaseLockedError: It was still held after the wait.
        LoopReturnsError: The directory cannot be written, the file is not one that this DuckDB can open, or
            Postgres cannot be reached.
    """
    try:
        for folder in (paths.work, place.file.parent):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoopReturnsError(
            "the data directory cannot be written",
            cause=f"{paths.data}: {error.strerror}",
            hint="set LOOP_RETURNS_DATA_DIR to a folder that this user may write",
        ) from error
    lock = InterProcessLock(str(paths.work / "run.lock"))
    deadline = time.monotonic() + wait_seconds
    if not lock.acquire(blocking=False):
        notify(f"another run is at work in {paths.data}; waiting up to {wait_seconds:g} s")
        if not lock.acquire(timeout=max(0.0, wait_seconds), delay=_RETRY_SECONDS):
            raise DatabaseLockedError(
                "another run is at work",
                cause=f"it holds {paths.work / 'run.lock'}",
                hint="wait for it to end; one data directory has one writer at a time",
            )
    try:
        with _free(place, deadline, notify):
            yield
    finally:
        lock.release()


@contextmanager
def _free(place: Place, deadline: float, notify: Callable[[str], None]) -> Iterator[None]:
    if not place.is_postgres:
        _wait("the work file is locked", str(place.file), lambda: _holder(place.file), deadline, notify)
        yield
        return
    from loop_returns.warehouse import postgres_server

    with postgres_server.locked(place.dsn) as take:
        _wait("the database is locked", place.name, take, deadline, notify)
        yield


def _wait(
    message: str, named: str, holder_of: Callable[[], str], deadline: float, notify: Callable[[str], None]
) -> None:
    told = False
    while holder := holder_of():
        if time.monotonic() >= deadline:
            raise DatabaseLockedError(
                message,
                cause=f"{holder} holds {named}",
                hint="wait for it to end, or close it there; people open the published file",
            )
        if not told:
            notify(f"{holder} holds {named}; waiting")
            told = True
        time.sleep(_RETRY_SECONDS)


def _holder(file: Path) -> str:
    """Who holds the file; empty when it is not there yet or can be opened for writing."""
    if not file.exists():
        return ""
    try:
        duckdb.connect(str(file)).close()
    except duckdb.IOException as error:
        if held := _HELD.search(str(error)):
            return f"{Path(held['program']).name} (PID {held['pid']})"
        if "Could not set lock" in str(error):
            return "another process"
        raise _unreadable(file, error) from error
    except duckdb.Error as error:
        raise _unreadable(file, error) from error
    return ""


def _unreadable(file: Path, error: duckdb.Error) -> LoopReturnsError:
    text = str(error).splitlines()[0]
    if "newer version" in text or "version number" in text or "storage version" in text.lower():
        return LoopReturnsError(
            "the work file was written by another version of DuckDB",
            cause=f"{file}: {text}",
            hint=f"this is DuckDB {duckdb.__version__}; install the version that wrote the file, or move"
            " the file away and run again: everything is read anew",
        )
    return LoopReturnsError("the work file cannot be opened", cause=f"{file}: {text}")


def is_loaded(place: Place) -> bool:
    """Whether the raw tables are there, filled or empty."""
    if not place.exists():
        return False
    with place.opened() as database:
        return has(database, "loop_raw", "pull_windows")


def publish(paths: Paths) -> Path:
    """Replace the published file by the work file's present content, whole, in one step.

    A reader that has the old file open keeps it. A death in between leaves the old one.

    Returns:
        The published file.
    """
    with duckdb.connect(str(paths.work_file)) as database:
        database.execute("checkpoint")
    with replacing(paths.published) as half:
        shutil.copyfile(paths.work_file, half)
    return paths.published


def publish_ops(paths: Paths) -> None:
    """Replace the published file by itself with the `ops` of the work file, in one step."""
    with replacing(paths.published) as half:
        shutil.copyfile(paths.published, half)
        with duckdb.connect(str(half)) as database:
            database.execute(f"attach '{str(paths.work_file).replace(chr(39), chr(39) * 2)}' as now")
            ops_tables.ensure(database)
            for table in ops_tables.TABLES:
                database.execute(f"delete from {ops_tables.SCHEMA}.{table}")
                database.execute(f"insert into {ops_tables.SCHEMA}.{table} by name from now.ops.{table}")
            database.execute("checkpoint")


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A file to fill; it takes the place of `file`, whole, when the block has come to its end.

    One writer at a time: what another one left half is removed.
    """
    half = file.with_name(f".{file.name}.{os.getpid()}")
    for stale in file.parent.glob(f".{file.name}.*"):
        stale.unlink(missing_ok=True)
    try:
        yield half
        _sync(half)
        half.replace(file)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()
    _sync(file.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
