"""Where a build's own log goes: `build.log` in the work directory, and nowhere else.

It names no engine, so that a build that needs no SQLMesh does not import it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OWN = "loop_returns.warehouse"
"""Logger of this package's own builds."""


class _QuietFile(logging.FileHandler):
    """A log that cannot be written stays silent: a full disk is told once, in words, by who fails of it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Say nothing."""


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """Send what SQLMesh, sqlglot and this package's builds log to a file and nowhere else."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = _QuietFile(file, mode="w", encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("sqlmesh", "sqlglot", OWN)]
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
