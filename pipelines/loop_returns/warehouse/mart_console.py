"""SQLMesh's voice turned into facts: which models were built and how, which audits held, what failed.

SQLMesh prints to a terminal and raises "Plan application failed."; this console prints nothing and keeps
the failures, so that `marts.build` can name the audit and the model. SQLMesh logs each statement that it
executes; they are kept with their model, so that the next build can execute them without SQLMesh.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlmesh.core.console import NoopConsole

from loop_returns.warehouse.dictionary import Described
from loop_returns.warehouse.mart_project import CATALOG
from loop_returns.warehouse.mart_script import Progress, Step

if TYPE_CHECKING:
    from sqlmesh.core.model import Model
    from sqlmesh.core.snapshot import Snapshot


_LOGGER = "sqlmesh.core.engine_adapter.base"
_LOGGED = "Executing SQL: %s"
_REDACTED = "<REDACTED VALUES>"
_SIGNED = re.compile(r"^/\* SQLMESH_\w+: \w+ \*/ ")
_HARMLESS = re.compile(
    r"SELECT |DESCRIBE |CREATE (TABLE|SCHEMA) IF NOT EXISTS |DROP TABLE IF EXISTS \S+\.\"__temp_"
)
_TEMPORARY = re.compile(r"(CREATE TABLE IF NOT EXISTS|DROP TABLE IF EXISTS) \S+\.\"__temp_")
_IN_POSTGRES = (["DELETE", "INSERT"], ["CREATE", "DELETE", "INSERT", "DROP"])
"""How SQLMesh makes a table anew there: the second way when the model reads the table itself."""


class Recorder(NoopConsole):
    """A console that is silent and remembers."""

    def __init__(self, on_progress: Progress | None, *, is_postgres: bool = False) -> None:
        super().__init__()
        self._made = _made_in_postgres if is_postgres else _made
        self.on_progress = on_progress
        self.models: dict[str, Model] = {}
        self.steps: dict[str, Step | None] = {}
        self.total = 0
        self.errors: list[Exception] = []
        self._audits: dict[str, int] = {}
        self._heard: list[str] = []

    @property
    def built(self) -> list[str]:
        """Models built, in order, each once."""
        return list(self.models)

    @property
    def audits(self) -> int:
        """Audits that held."""
        return sum(self._audits.values())

    def start_evaluation_progress(self, batched_intervals: dict[Any, Any], *_: object, **__: object) -> None:
        """SQLMesh is about to build these models."""
        self.total = len(self.models.keys() | {_name(snapshot.model) for snapshot in batched_intervals})

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
        name = _name(snapshot.model)
        is_news = name not in self.models
        self.models[name] = snapshot.model
        self.steps[name] = _step(snapshot, self._heard, self._made(snapshot.model, self._heard))
        self._heard = []
        self._audits[name] = num_audits_passed
        if self.on_progress and is_news:
            self.on_progress(name, len(self.models), self.total)

    def log_failed_models(self, errors: list[Any]) -> None:
        """These models failed, or their audits did."""
        self.errors.extend(errors)

    def log_error(self, message: str) -> None:
        """Something failed that belongs to no model."""
        self.errors.append(RuntimeError(message))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear each statement that SQLMesh executes for a model, until the block ends."""
        logger, ear = logging.getLogger(_LOGGER), _Ear(self._hear)
        propagate, level = logger.propagate, logger.level
        logger.propagate = False
        logger.setLevel(logging.INFO)  # statements of SQLMesh's own state are logged below
        logger.addHandler(ear)
        try:
            yield
        finally:
            logger.removeHandler(ear)
            logger.setLevel(level)
            logger.propagate = propagate

    def _hear(self, statement: str) -> None:
        self._heard.append(_SIGNED.sub("", statement))


class _Ear(logging.Handler):
    """Hands on each statement; other records go where they would have gone."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _LOGGED and isinstance(record.args, tuple):
            self._hear(str(record.args[0]))
        elif record.levelno >= logging.WARNING:
            logging.getLogger("sqlmesh").handle(record)


def _name(model: Model) -> str:
    return f"{model.schema_name}.{model.view_name}"


def _made(model: Model, heard: list[str]) -> list[str]:
    """The statement that made the table in DuckDB; nothing when there are others."""
    table = f'CREATE OR REPLACE TABLE "{CATALOG}"."{model.schema_name}"."{model.view_name}" AS '
    made = [one for one in heard if one.startswith(table)]
    return made if len(made) == 1 else []


def _made_in_postgres(model: Model, heard: list[str]) -> list[str]:
    """The statements that make the table in Postgres; nothing when they are not the known ones.

    The first time SQLMesh makes the table of the query; from then on it fills it anew, as the script does.
    """
    table = f'"{model.schema_name}"."{model.view_name}"'
    creates, empties, fills = (
        f"CREATE TABLE IF NOT EXISTS {table} AS ",
        f"DELETE FROM {table} WHERE TRUE",
        f"INSERT INTO {table} ",
    )
    made = [one for one in heard if one.startswith((creates, empties, fills)) or _TEMPORARY.match(one)]
    if len(made) == 1 and made[0].startswith(creates):
        return [empties, fills + made[0].removeprefix(creates)]
    return made if [one.split(" ", 1)[0] for one in made] in _IN_POSTGRES else []


def _step(snapshot: Snapshot, heard: list[str], made: list[str]) -> Step | None:
    """How the model was built; None when it was not as they all are, with audits that each stop the build."""
    model = snapshot.model
    counts = [one for one in heard if one.startswith("SELECT COUNT(*) FROM (") and one.endswith('"audit"')]
    audits = [audit for audit, _ in model.audits_with_args if not audit.skip]
    is_plain = all(audit.blocking for audit in audits) and not any(
        "blocking" in words for _, words in model.audits_with_args
    )
    others = [one for one in heard if one not in made and not _HARMLESS.match(one)]
    is_hidden = any(_REDACTED in one for one in made)
    if not made or is_hidden or len(counts) != len(audits) or others or not is_plain:
        return None
    return Step(
        _name(model),
        ";\n".join(made),
        [(audit.name, count) for audit, count in zip(audits, counts, strict=True)],
        [parent.name.replace('"', "").split(".", 1)[1] for parent in snapshot.parents],
        described(model),
        sorted(model.tags),
    )


def described(model: Model) -> Described:
    """What the model's header says."""
    return Described(model.description or "", dict(model.column_descriptions or {}))
