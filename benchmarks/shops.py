"""A shop of so many returns, through its life: first load, marts, 1,000 changes, no news, a re-load.

Each step is a process of its own; its peak memory is that of the whole process, its time without the start.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.data import END
from benchmarks.harness import START, Server, Took, run

from loop_returns.api.windows import format_instant

CHANGED = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One step: seconds of its work, and the whole process."""

    seconds: float
    process: Took


class Shop:
    """Pages of a shop on disk, and its data directory.

    Args:
        server: Serves the pages.
        unique: File of the returns to make the shop of.
        size: How many returns it has.
        folder: Where all of it lies.
    """

    def __init__(self, server: Server, unique: Path, size: int, folder: Path) -> None:
        self._server, self._unique, self.size, self._folder = server, unique, size, folder
        folder.mkdir()
        self.pages = folder / "pages"
        run(["-m", "benchmarks.data", "pages", str(unique), str(size), str(self.pages)])
        self._env = server.env(folder / "data")
        self._news = 0

    def first_load(self) -> Measured:
        """Everything, into no tables at all."""
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        self._server.serve(self.pages)
        return self._work("load")

    def reload(self) -> Measured:
        """Everything once more, into full tables."""
        self._server.serve(self.pages)
        return self._work("load", START.isoformat())

    def floor(self) -> Measured:
        """The same pages by DuckDB's own reader."""
        file = self._folder / "floor.duckdb"
        file.unlink(missing_ok=True)
        return _measured(run(["-m", "benchmarks.floor", str(self.pages), str(file)]))

    def normalizer(self) -> Measured:
        """The same pages as dicts through dlt."""
        home = self._folder / "normalizer"
        shutil.rmtree(home, ignore_errors=True)
        env = self._env | {"LOOP_RETURNS_DATA_DIR": str(home)}
        return _measured(run(["-m", "benchmarks.work", "normalizer", str(self.pages)], env))

    def load_changed(self) -> Measured:
        """A load in which 1,000 returns are new versions."""
        pages = self._folder / "changed"
        words = ("changed", str(self._unique), str(self.size), str(self.size // CHANGED), str(pages))
        run(["-m", "benchmarks.data", *words])
        self._move_on()
        self._server.serve(pages, [format_instant(END + timedelta(minutes=self._news))])
        return self._work("load")

    def build(self) -> Measured:
        """All marts."""
        return self._work("build")

    def command(self, *words: str) -> Took:
        """A command of loop-returns, whole process; the API has no news."""
        if words[0] == "run":
            self._move_on()
        return run(["-m", "loop_returns", *words], self._env)

    def _move_on(self) -> None:
        self._news += 1
        self._env["LOOP_RETURNS_AS_OF"] = (END + timedelta(minutes=self._news)).isoformat()

    def _work(self, *words: str) -> Measured:
        return _measured(run(["-m", "benchmarks.work", *words], self._env))


def _measured(took: Took) -> Measured:
    return Measured(float(took.out.split()[-1]), took)
