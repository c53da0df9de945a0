"""The one door to the marts: build them and staging from the raw tables, audit them, say what was built.

loop_raw -> transforms/models -> staging, marts -> dictionary.describe (comments, marts.data_dictionary)

SQLMesh plans and builds when models, settings or code changed; else what it did then is done once more.

Two builds with the same raw rows, settings and `as_of` give the same marts, but for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop_returns.api.fields import SQL_TYPES, raw_columns
from loop_returns.errors import UsageError
from loop_returns.garbage import no_garbage_collection
from loop_returns.warehouse import (
    dictionary,
    late_bound,
    mart_marks,
    mart_replay,
    mart_script,
    mart_slices,
    ops_tables,
    snapshot,
)
from loop_returns.warehouse.extracts import tables as extract_tables
from loop_returns.warehouse.extracts.columns import SCHEMA
from loop_returns.warehouse.mart_log import logging_to
from loop_returns.warehouse.mart_project import Project, model_variables, transforms_dir
from loop_returns.warehouse.place import Connection, Place, has

if TYPE_CHECKING:
    from loop_returns.warehouse.mart_script import Built, Progress

RAW_SCHEMA = "loop_raw"


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did.

    Attributes:
        models: Models built, `schema.name`, in the order in which they were built; not those that cannot have
            changed since the last build.
        seconds: Wall time, the import of SQLMesh included if it was needed.
        audits: Audits of these models that held.
        rows: Rows per table of `staging` and `marts`.
        planned: True when models, settings or code had changed since the last build.
    """

    models: list[str]
    seconds: float
    audits: int
    rows: Mapping[str, int] = field(default_factory=dict)
    planned: bool = False


def build(
    place: Place,
    *,
    as_of: datetime,
    settings: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    work_dir: Path | None = None,
    models_dir: Path | None = None,
) -> BuildResult:
    """Build and audit all models in the database, then describe them.

    Args:
        place: Where the tables of `loop_raw` are; a file of DuckDB under any name.
        as_of: The build's one present, aware; not before that of the last build.
        settings: The content of loop.toml; what it leaves out has its default.
        on_progress: Called after each model with its name, models done, models in all.
        work_dir: For SQLMesh's cache and log; `sqlmesh` beside the work file when left out.
        models_dir: Another folder of models than the package's own.

    Raises:
        AuditFailedError: An audit or a control total did not hold; names model and audit.
        UsageError: A setting cannot be, or `as_of` lies before the last build's.
        LoopReturnsError: A model could not be built.
    """
    started = time.monotonic()
    as_of = as_of.astimezone(UTC)
    project = Project(
        place,
        settings or {},
        models_dir or transforms_dir(),
        work_dir or place.file.parent / "sqlmesh",
    )
    with logging_to(project.work_dir / "build.log"), no_garbage_collection():  # syntax trees live to the end
        built = _built(project, as_of, on_progress)
        with mart_script.opened(place) as connection:
            late_bound.install(connection)
            rows = dictionary.describe(connection, built.described)
    return BuildResult(built.models, time.monotonic() - started, built.audits, rows, built.planned)


def _built(project: Project, as_of: datetime, on_progress: Progress | None) -> Built:
    """Build by the script that is kept, or else by SQLMesh, and keep what it did."""
    variables = model_variables(project.settings, project.models_dir)
    digest = mart_script.digest(project.models_dir, variables, mart_script.engines())
    with mart_script.opened(project.place) as connection:
        ops_tables.ensure(connection)
        extract_tables.ensure(connection)
        _refuse_going_back(connection, as_of)
        if project.place.is_postgres:
            snapshot.withdraw(connection)
        is_known, steps = mart_script.kept(connection, digest)
        marks = mart_marks.take(connection)
        news = mart_marks.news(connection, marks)
        mart_marks.forget(connection)
        if steps is not None:
            due, dated = mart_marks.due(steps, news.same)
            # What is built by slices is cut out of DuckDB's words.
            by_slices = not project.place.is_postgres and mart_slices.note(connection, news)
            with mart_script.one_more(connection, project.place) as another:
                both = [connection, another]
                built = mart_replay.replay(both, due, as_of, on_progress, dated=dated, by_slices=by_slices)
            mart_slices.forget(connection)
            mart_marks.keep(connection, marks)
            return replace(built, described={step.model: step.described for step in steps})
        if not is_known:
            mart_script.forget(connection)
            late_bound.remove(connection)
    from loop_returns.warehouse import mart_run

    built, steps = mart_run.build(project, as_of, on_progress, is_changed=not is_known)
    with mart_script.opened(project.place) as connection:
        mart_script.keep(connection, digest, steps)
        mart_marks.keep(connection, marks)
    return built


def _refuse_going_back(connection: Connection, as_of: datetime) -> None:
    """A ledger cannot forget what it saw: `as_of` never moves back."""
    if not has(connection, "marts", "run_control"):
        return
    last = connection.execute("select max(as_of) from marts.run_control").fetchone()
    if last and last[0] and last[0] > as_of:
        raise UsageError(
            "as_of lies before the last build",
            cause=f"{as_of:%Y-%m-%d %H:%M:%S} UTC was asked for, {last[0]:%Y-%m-%d %H:%M:%S} UTC was built",
            hint="build an older day into a file, or a database, of its own",
        )


def external_models() -> str:
    """The tables of `loop_raw`, `ops` and `ext` as SQLMesh reads them: `transforms/external_models.yaml`."""
    lines = ["# Written by loop_returns.warehouse.marts from api/fields.py; a test compares the two."]
    for table, columns in raw_columns().items():
        types = {name: SQL_TYPES[column.type] for name, column in columns.items()}
        if table != "pull_windows":
            types["_dlt_load_id"] = SQL_TYPES["text"]
        lines += [f"- name: {RAW_SCHEMA}.{table}", "  columns:"]
        lines += [f"    {name}: {type_}" for name, type_ in types.items()]
    for table, ops in ops_tables.TABLES.items():
        lines += [f"- name: {ops_tables.SCHEMA}.{table}", "  columns:"]
        lines += [f"    {name}: {column.type}" for name, column in ops.columns.items()]
    for table, (_, stored) in extract_tables.tables().items():
        lines += [f"- name: {SCHEMA}.{table}", "  columns:"]
        lines += [f"    {name}: {type_}" for name, (type_, _) in stored.items()]
    return "\n".join(lines) + "\n"


def write_external_models(directory: Path) -> None:
    """Write `external_models.yaml` into the models' folder."""
    (directory / "external_models.yaml").write_text(external_models())
