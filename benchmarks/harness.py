"""What every benchmark shares: a folder of its own, a server of ready bytes, processes that are measured.

A process is measured whole: wall time, CPU of all its threads, peak of its resident memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.data import END

from loop_returns.api.windows import format_instant, windows

ROOT = Path(__file__).parents[1]
START = END.replace(hour=0) - (END - END.replace(year=END.year - 2))
ENDS = [format_instant(window.end) for window in windows(START, END)]


@dataclass(frozen=True, slots=True)
class Took:
    """What a process took: seconds of wall and CPU, peak memory in MB, and what it printed."""

    wall: float
    cpu: float
    peak_mb: float
    out: str


def run(words: Sequence[str], env: dict[str, str] | None = None) -> Took:
    """Run a Python process to its end and measure it."""
    started = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - own words
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out, said = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        raise RuntimeError(f"{words} ended with {status}\n{out}\n{said}")
    return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out)


@dataclass(frozen=True, slots=True)
class Server:
    """The server of ready bytes."""

    port: int

    def serve(self, file: Path, ends: Sequence[str] = ENDS) -> None:
        """Hand these pages out from now on."""
        query = f"file={file}&ends={','.join(ends)}"
        with urlopen(f"http://127.0.0.1:{self.port}/_serve?{query}"):
            pass

    def env(self, folder: Path) -> dict[str, str]:
        """Settings of a shop below `folder`, read from this server."""
        return {
            "SOURCES__LOOP_RETURNS__BASE_URL": f"http://127.0.0.1:{self.port}/api/v1",
            "SOURCES__LOOP_RETURNS__API_KEY": "bench-key",
            "SOURCES__LOOP_RETURNS__PII_KEY": "bench",
            "SOURCES__LOOP_RETURNS__REQUESTS_PER_MINUTE": "300",
            "SOURCES__LOOP_RETURNS__START_DATE": START.isoformat(),
            "LOOP_RETURNS_DATA_DIR": str(folder),
            "LOOP_RETURNS_AS_OF": END.isoformat(),
        }


@contextmanager
def server() -> Iterator[Server]:
    """A server of ready bytes, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Server(int(process.stdout.readline()))
    finally:
        process.communicate()
