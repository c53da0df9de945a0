"""The two DuckDB files: the one that runs write, and the one that people open.

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

_HELD = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
_RETRY_SECONDS = 0.25


@contextmanager
def writer(
    paths: Paths, wait_seconds: float, notify: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Be the one writer of this data directory: run lock held, work file free and readable.

    Args:
        paths: The data directory; made if it is not there.
        wait_seconds: How long to wait for another run, or for whoever holds the work file.
        notify: Told once, in one line, that there is something to wait for.

    Raises:
        DatabaseLockedError: It was still held after the wait.
        LoopReturnsError: The directory cannot be written, or the file is not one that this DuckDB can open.
    """
    try:
        for folder in (paths.work, paths.work_file.parent):
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
        _wait_for_file(paths.work_file, deadline, notify)
        yield
    finally:
        lock.release()


def _wait_for_file(file: Path, deadline: float, notify: Callable[[str], None]) -> None:
    told = False
    while (holder := _holder(file)) is not None:
        if time.monotonic() >= deadline:
            raise DatabaseLockedError(
                "the work file is locked",
                cause=f"{holder} holds {file}",
                hint="close it there; people open the published file, never the work file",
            )
        if not told:
            notify(f"{holder} holds {file.name}; waiting")
            told = True
        time.sleep(_RETRY_SECONDS)


def _holder(file: Path) -> str | None:
    """Who holds the file, or None when it is not there yet or can be opened for writing."""
    if not file.exists():
        return None
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
    return None


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


def is_loaded(file: Path) -> bool:
    """Whether the work file holds raw tables, filled or empty."""
    if not file.exists():
        return False
    with duckdb.connect(str(file)) as database:
        found = database.execute(
            "select count(*) from information_schema.tables where table_schema = 'loop_raw'"
            " and table_name = 'pull_windows'"
        ).fetchone()
    return found is not None and found[0] == 1


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
