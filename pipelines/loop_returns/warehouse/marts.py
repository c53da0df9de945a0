"""The one door to SQLMesh: build staging and marts from the raw tables, audit them, say what was built.

loop_raw -> transforms/models -> staging, marts -> dictionary.describe (comments, marts.data_dictionary)

Two builds with the same raw rows, settings and `as_of` give the same marts, but for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from loop_returns.api.fields import raw_columns
from loop_returns.garbage import no_garbage_collection
from loop_returns.warehouse import dictionary, mart_run, ops_tables
from loop_returns.warehouse.extracts import tables as extract_tables
from loop_returns.warehouse.extracts.columns import SCHEMA
from loop_returns.warehouse.mart_project import config, transforms_dir

if TYPE_CHECKING:
    from loop_returns.warehouse.mart_console import Progress

RAW_SCHEMA = "loop_raw"
RAW_TYPES = {
    "text": "varchar",
    "decimal": "decimal(18, 4)",
    "timestamp": "timestamptz",
    "bool": "boolean",
    "bigint": "bigint",
    "json": "json",
}


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did.

    Attributes:
        models: Models built, `schema.name`, in the order in which they were built.
        seconds: Wall time, the import of SQLMesh included.
        audits: Audits that held.
        rows: Rows per table of `staging` and `marts`.
        planned: True when models, settings or code had changed since the last build.
    """

    models: list[str]
    seconds: float
    audits: int
    rows: Mapping[str, int] = field(default_factory=dict)
    planned: bool = False


def build(
    database: Path,
    *,
    as_of: datetime,
    settings: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    work_dir: Path | None = None,
    models_dir: Path | None = None,
) -> BuildResult:
    """Build and audit all models in the database, then describe them.

    Args:
        database: DuckDB file with the tables of `loop_raw`; any file name.
        as_of: The build's one present, aware; not before that of the last build.
        settings: The content of loop.toml; what it leaves out has its default.
        on_progress: Called after each model with its name, models done, models in all.
        work_dir: For SQLMesh's cache and log; `sqlmesh` beside the database when left out.
        models_dir: Another folder of models than the package's own.

    Raises:
        AuditFailedError: An audit or a control total did not hold; names model and audit.
        UsageError: A setting cannot be, or `as_of` lies before the last build's.
        LoopReturnsError: A model could not be built.
    """
    started = time.monotonic()
    work_dir = work_dir or database.parent / "sqlmesh"
    with duckdb.connect(str(database)) as connection:
        ops_tables.ensure(connection)
        extract_tables.ensure(connection)
    project = config(database, settings or {}, work_dir / "cache")
    from sqlmesh import Context
    from sqlmesh.core.console import set_console

    from loop_returns.warehouse.mart_console import Recorder, logging_to

    recorder = Recorder(on_progress)
    set_console(recorder)
    models_dir = models_dir or transforms_dir()
    with logging_to(work_dir / "build.log"), no_garbage_collection():  # syntax trees live to the end
        context = Context(paths=[str(models_dir)], config=project, load=False)
        try:
            planned = mart_run.execute(context, models_dir, as_of.astimezone(UTC), recorder)
            rows = dictionary.describe(context, recorder.models)
        finally:
            context.close()
    return BuildResult(recorder.built, time.monotonic() - started, recorder.audits, rows, planned)


def external_models() -> str:
    """The tables of `loop_raw`, `ops` and `ext` as SQLMesh reads them: `transforms/external_models.yaml`."""
    lines = ["# Written by loop_returns.warehouse.marts from api/fields.py; a test compares the two."]
    for table, columns in raw_columns().items():
        types = {name: RAW_TYPES[column.type] for name, column in columns.items()}
        if table != "pull_windows":
            types["_dlt_load_id"] = RAW_TYPES["text"]
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
