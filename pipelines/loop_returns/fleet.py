"""Every shop of loop.toml at once: a process each, so many side by side, one's failure none of the others'.

loop.toml -> queues() by key -> `loop-returns run --json` each -> Outcome -> last_runs.json -> parts()

A process has its shop's key, limiter, lock and data directory, and heals what an earlier one left as any run
does. Shops with one key have one limit at Loop, so they run one after the other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, Any

from loop_returns import itself, settings, shops
from loop_returns.errors import LoopReturnsError, UsageError
from loop_returns.report import Figures
from loop_returns.warehouse import publishing
from loop_returns.warehouse.combined import NAME, Part

RECORD = "last_runs.json"
_PATIENCE_SECONDS = 20.0
"""How long a run that was interrupted may take to end, before it is killed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the run of one shop ended.

    Attributes:
        error: What it said when it failed, without cause and hint; empty: it said nothing.
        figures: What `run --json` printed; None: it failed before.
    """

    shop: str
    exit_code: int
    error: str
    started_at: datetime
    figures: Figures | None = None


def known() -> tuple[str, ...]:
    """The shops of loop.toml.

    Raises:
        UsageError: It has none, or one of them is named as well.
    """
    names = settings.shop_names()
    if not names:
        raise UsageError("there are no shops", cause="loop.toml has no [shops.NAME]", hint="docs/shops.md")
    if os.environ.get(shops.VARIABLE):
        raise UsageError("--all is every shop: leave --shop and LOOP_RETURNS_SHOP out")
    return names


def combined_file() -> Path:
    """The file with the marts of every shop."""
    return settings.data_dir() / NAME


def parts() -> list[Part]:
    """Every shop of loop.toml as `combined.combine` takes it, with what its last `run --all` said."""
    told = _recorded()
    return [_part(name, told.get(name)) for name in known()]


def _part(name: str, told: Mapping[str, Any] | None) -> Part:
    """A shop; one whose database cannot be asked has the tables that were published here before."""
    try:
        part = Part(name, publishing.published(name))
    except LoopReturnsError as error:
        here = settings.paths(name).published
        return Part(name, here, error.exit_code, error.message, datetime.now(UTC))
    if told is None:
        return part
    began = datetime.fromisoformat(told["started_at"])
    return replace(part, exit_code=told["exit_code"], error=told["error"], run_started_at=began)


def queues(names: Iterable[str], key_of: Callable[[str], str]) -> list[list[str]]:
    """The shops by key: those of one queue run one after the other, since they share its limit.

    >>> queues(["eu", "uk", "us"], {"eu": "k1", "uk": "k1", "us": ""}.get)
    [['eu', 'uk'], ['us']]
    """
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(key_of(name).strip() or f" {name}", []).append(name)
    return list(by_key.values())


def run(words: Sequence[str], jobs: int | None, note: Callable[[str], None]) -> list[Outcome]:
    """Run a command for every shop.

    Args:
        words: The command and its options, without `--shop`.
        jobs: Most shops at once; None: one for each core.
        note: Told which shops wait for each other.

    Raises:
        UsageError: There are no shops.
        KeyboardInterrupt: Interrupted or asked to end: every child has ended first.
    """
    names = known()
    lines = queues(names, lambda name: settings.secret("api_key", name))
    for line in lines:
        if len(line) > 1:
            note(f"{', '.join(line)} have one key, and so one limit: one after the other")
    fleet = _Fleet(words, max(map(len, names)))
    with _ending_as_interrupted(), ThreadPoolExecutor(jobs or os.cpu_count() or 4) as pool:
        try:
            waiting = [pool.submit(fleet.run, line) for line in lines]
            found = {outcome.shop: outcome for each in waiting for outcome in each.result()}
        except BaseException:
            fleet.stop()
            raise
    return [found[name] for name in names]


def record(outcomes: Iterable[Outcome]) -> None:
    """Keep how each run ended, for `parts()`."""
    file = settings.data_dir() / "shops" / RECORD
    told = {
        each.shop: {
            "exit_code": each.exit_code,
            "error": each.error,
            "started_at": each.started_at.isoformat(),
        }
        for each in outcomes
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".half")
    half.write_text(json.dumps(told, indent=2) + "\n")
    half.replace(file)


def _recorded() -> dict[str, dict[str, Any]]:
    try:
        told: dict[str, dict[str, Any]] = json.loads((settings.data_dir() / "shops" / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return told


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """0 when every run held, else the highest code of any."""
    return max((each.exit_code for each in outcomes), default=0)


class _Fleet:
    """The processes at work, and what they say: a whole line at a time, its shop before it."""

    def __init__(self, words: Sequence[str], width: int) -> None:
        self._words, self._width = words, width
        self._lock = threading.Lock()
        self._children: list[subprocess.Popen[str]] = []
        self._is_stopped = False

    def run(self, names: Sequence[str]) -> list[Outcome]:
        """Run the shops one after the other; none more once it is stopped."""
        return [outcome for name in names if (outcome := self._run(name)) is not None]

    def stop(self) -> None:
        """Interrupt what is at work, and kill what has not ended after a while."""
        with self._lock:
            self._is_stopped = True
        for child in self._children:
            child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for child in self._children:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()

    def _run(self, name: str) -> Outcome | None:
        began = datetime.now(UTC)
        with TemporaryFile("w+") as out:
            child = self._begin(name, out)
            if child is None:
                return None
            error = self._tell(name, child)
            code = child.wait()
            out.seek(0)
            return Outcome(name, code if code >= 0 else 1, error, began, _figures(out.read()))

    def _begin(self, name: str, out: IO[str]) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._is_stopped:
                return None
            child = subprocess.Popen(  # noqa: S603 - this program itself
                itself.command(*self._words, "--json"),
                env=itself.environment({shops.VARIABLE: name}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,  # a Ctrl-C is ours to hand on, once
            )
            self._children.append(child)
            return child

    def _tell(self, name: str, child: subprocess.Popen[str]) -> str:
        error = ""
        assert child.stderr is not None
        for line in child.stderr:
            with self._lock:
                print(f"{name.ljust(self._width)}  {line.rstrip()}", file=sys.stderr, flush=True)
            if line.startswith("error: "):
                error = line.removeprefix("error: ").strip()
        return error


def _figures(text: str) -> Figures | None:
    try:
        found: Figures = json.loads(text)
    except ValueError:  # it failed, or was killed while it wrote
        return None
    return found


@contextmanager
def _ending_as_interrupted() -> Iterator[None]:
    """A polite end (SIGTERM of a scheduler, a closed terminal) ends the children, as Ctrl-C does."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    asked = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    for each in asked:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in asked:
            signal.signal(each, signal.SIG_DFL)
