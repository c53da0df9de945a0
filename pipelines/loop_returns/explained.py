"""Failures of the machine and of the engines, in our words.

A full disk shows itself in many ways: as an errno, as a text of DuckDB or SQLMesh, or, once DuckDB has given
the file up, as an error that says nothing of disks. So the disk is asked, too.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loop_returns.errors import LoopReturnsError

_FULL_TEXTS = ("No space left", "Disk quota exceeded")
_TOLD = ("_duckdb", "duckdb", "dlt", "sqlmesh")
_OF_ROWS = ("22", "23")
"""SQLSTATE classes of Postgres whose texts quote a row: bad data, and a broken constraint."""
_FULL_BYTES = 1024 * 1024
"""A disk with less than this left, when a run failed, is why it failed: DuckDB grows by blocks of 256 KiB."""


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what fails inside into a `LoopReturnsError` with a cause and a hint.

    Args:
        folder: Where the work file is: the disk that may be full.
    """
    try:
        yield
    except Exception as error:
        chain = list(_causes(error))
        ours = next((one for one in chain if isinstance(one, LoopReturnsError)), None)
        if (ours is None or ours.exit_code == 1) and _is_full(chain, folder):
            raise _disk_full() from error
        if ours is error:
            raise
        raise ours or _unforeseen(chain[-1]) from error


def _is_full(chain: list[BaseException], folder: Path) -> bool:
    if any(isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT) for one in chain):
        return True
    text = " ".join(str(one) for one in chain)
    if any(full in text for full in _FULL_TEXTS):
        return True
    return folder.exists() and shutil.disk_usage(folder).free < _FULL_BYTES


def _disk_full() -> LoopReturnsError:
    return LoopReturnsError(
        "the disk is full",
        cause="a file below the data directory could not be written",
        hint="free some space and run again: no window is marked that is not loaded",
    )


def _unforeseen(root: BaseException) -> LoopReturnsError:
    """The error's own words only if it is one of the machine or of an engine: others may quote a customer."""
    is_told = isinstance(root, OSError) or type(root).__module__.partition(".")[0] in _TOLD
    if isinstance(state := getattr(root, "pgcode", None), str):
        is_told = not state.startswith(_OF_ROWS)
    return LoopReturnsError(
        f"{type(root).__name__} stopped the run",
        cause=str(root).splitlines()[0][:300] if is_told and str(root) else "",
        hint="run again with -v for the traceback; what was loaded stays loaded, and is not read again",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
