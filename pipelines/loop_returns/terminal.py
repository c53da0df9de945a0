"""What a person sees while something runs, and how figures are printed.

Figures go to stdout, everything else to stderr: a bar on a terminal, a line every ten seconds elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

EVERY_SECONDS = 10.0
_BOLD, _GOOD, _BAD = "1", "32", "1;31"
_STYLES = tuple(
    (re.compile(pattern, re.MULTILINE), style)
    for pattern, style in (
        (r"^(?:complete:|verified:|ok  )", _GOOD),
        (r"^(?:error:|NOT complete|PARKED:|STOPPED:|look  |differs in|Nothing may be sent now:)", _BAD),
        (r"^(?:cause:|hint:|note:|[\d,]+ open breaks|Digest:|Plan:|Approved:|Applied:)", _BOLD),
    )
)
"""How the first words of a line are shown: in colours that every theme has in a shade of its own."""


class Reporter:
    """Tells on stderr how far a command is; silent when `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        """Nothing is shown before there is something to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self.close()

    def close(self) -> None:
        """End the bar, if there is one."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None
        self._last = time.monotonic()

    def note(self, text: str) -> None:
        """One line that stays."""
        if not self._quiet:
            self.close()
            print(text, file=sys.stderr, flush=True)

    def progress(self, done: int, total: int, text: str) -> None:
        """How far a step is, `done` of `total`, and what it is at."""
        if self._quiet:
            return
        if self._is_terminal:
            self._draw(done, total, text)
        elif time.monotonic() - self._last >= EVERY_SECONDS:
            self._last = time.monotonic()
            print(f"{done} of {total}: {text}", file=sys.stderr, flush=True)

    def _draw(self, done: int, total: int, text: str) -> None:
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task(text, total=total)
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=total, description=text)


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a text, its lines' first words in colour where a person looks."""
    stream = stream or sys.stdout
    print(coloured(text) if shows_colour(stream) else text, file=stream, flush=True)


def shows_colour(stream: TextIO) -> bool:
    """A terminal, and nobody asked for plain text: NO_COLOR, or TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str) -> str:
    r"""The text with the first words of its lines in colour.

    >>> coloured("hint: run again")
    '\x1b[1mhint:\x1b[0m run again'
    """
    for pattern, style in _STYLES:
        text = pattern.sub(f"\x1b[{style}m\\g<0>\x1b[0m", text)
    return text


def room(used: int, least: int = 20) -> int:
    """Columns left on the terminal beside `used`; where there is no terminal, as if it were wide."""
    return max(least, shutil.get_terminal_size((160, 24)).columns - used)


def as_json(figures: Mapping[str, Any]) -> str:
    """One JSON object: times as ISO 8601, amounts as exact text.

    >>> from decimal import Decimal
    >>> print(as_json({"amount": Decimal("1.50")}))
    {
      "amount": "1.50"
    }
    """
    return json.dumps(figures, default=_plain, indent=2)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> str:
    """Columns in plain text, padded; those whose index is in `right` are aligned right.

    >>> print(table(("table", "rows"), [("returns", 1200), ("lines", 3)], right=(1,)))
      table     rows
      returns  1,200
      lines        3
    """
    cells = [[_cell(value) for value in row] for row in (header, *rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(header))]
    lines = (
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
