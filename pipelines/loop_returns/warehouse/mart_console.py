"""SQLMesh's voice turned into facts: which models were built, which audits held, what failed.

SQLMesh prints to a terminal and raises "Plan application failed."; this console prints nothing and keeps
the failures, so that `marts.build` can name the audit and the model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmesh.core.console import NoopConsole

if TYPE_CHECKING:
    from sqlmesh.core.model import Model
    from sqlmesh.core.snapshot import Snapshot

Progress = Callable[[str, int, int], None]
"""Called after each model with its name, how many are done, and how many there are."""


class Recorder(NoopConsole):
    """A console that is silent and remembers."""

    def __init__(self, on_progress: Progress | None) -> None:
        super().__init__()
        self.on_progress = on_progress
        self.built: list[str] = []
        self.models: dict[str, Model] = {}
        self.audits = 0
        self.total = 0
        self.errors: list[Exception] = []

    def start_evaluation_progress(self, batched_intervals: dict[Any, Any], *_: object, **__: object) -> None:
        """SQLMesh is about to build these models."""
        self.total = len(self.built) + len(batched_intervals)

    def update_snapshot_evaluation_progress(
        self,
        snapshot: Snapshot,
        interval: object,
        batch_idx: int,
        duration_ms: int | None,
        num_audits_passed: int,
        num_audits_failed: int,
        *_: object,
        **__: object,
    ) -> None:
        """One model was built and audited."""
        name = f"{snapshot.model.schema_name}.{snapshot.model.view_name}"
        self.built.append(name)
        self.models[name] = snapshot.model
        self.audits += num_audits_passed
        if self.on_progress:
            self.on_progress(name, len(self.built), self.total)

    def log_failed_models(self, errors: list[Any]) -> None:
        """These models failed, or their audits did."""
        self.errors.extend(errors)

    def log_error(self, message: str) -> None:
        """Something failed that belongs to no model."""
        self.errors.append(RuntimeError(message))


class _QuietFile(logging.FileHandler):
    """A log that cannot be written stays silent: a full disk is told once, in words, by who fails of it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Say nothing."""


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """Send what SQLMesh and sqlglot log to a file and nowhere else, until the block ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = _QuietFile(file, mode="w", encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("sqlmesh", "sqlglot")]
    before = [(logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, (propagate, level) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
            logger.setLevel(level)
        with suppress(OSError):
            handler.close()
