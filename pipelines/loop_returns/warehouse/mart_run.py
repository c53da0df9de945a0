"""One build inside SQLMesh: decide between plan and run, make it build everything, find out what failed.

SQLMesh builds what it believes to be missing. After a load everything is missing, whatever its clock says, so
the record of what was built up to `as_of` is taken away first.
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loop_returns.errors import AuditFailedError, LoopReturnsError, UsageError

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.environment import Environment

    from loop_returns.warehouse.mart_console import Recorder

DAY_MS = 24 * 60 * 60 * 1000
DIGEST_TABLE = "sqlmesh.loop_returns_project"


def execute(context: Context, models_dir: Path, as_of: datetime, recorder: Recorder) -> bool:
    """Build every model; True when models, settings or SQLMesh had changed and it was planned.

    Raises:
        AuditFailedError: An audit did not hold.
        UsageError: `as_of` lies before the last build's.
        LoopReturnsError: A model could not be built.
    """
    from sqlmesh.utils.errors import SQLMeshError

    _refuse_going_back(context, as_of)
    digest = _digest(context, models_dir)
    planned = _is_changed(context, digest)
    try:
        if planned:
            _plan(context, as_of)
            _forget_digest(context)
        if not planned or set(recorder.built) < _names(context):
            _forget_intervals(context, as_of)
            context.run(ignore_cron=True, execution_time=as_of, end=as_of, skip_janitor=True)
    except SQLMeshError as error:
        recorder.errors = recorder.errors or [error]
    if recorder.errors:
        raise failure(recorder.errors) from recorder.errors[0]
    if planned:
        _keep_digest(context, digest)
    return planned


def _plan(context: Context, as_of: datetime) -> None:
    context.load()
    _forget_intervals(context, as_of)
    context.plan(
        auto_apply=True,
        no_prompts=True,
        no_diff=True,
        skip_tests=True,
        skip_linter=True,
        execution_time=as_of,
    )


def _refuse_going_back(context: Context, as_of: datetime) -> None:
    """A ledger cannot forget what it saw: `as_of` never moves back."""
    adapter = context.engine_adapter
    if not adapter.table_exists("marts.run_control"):
        return
    last = adapter.fetchone("select max(as_of) from marts.run_control")
    if last and last[0] and last[0] > as_of:
        raise UsageError(
            "as_of lies before the last build",
            cause=f"{as_of:%Y-%m-%d %H:%M:%S} UTC was asked for, {last[0]:%Y-%m-%d %H:%M:%S} UTC was built",
            hint="build an older day into a file of its own",
        )


def _digest(context: Context, models_dir: Path) -> str:
    """Names everything that a plan depends on: the files, the settings, SQLMesh's version."""
    import sqlmesh

    digest = hashlib.sha256(f"{sqlmesh.__version__}".encode())
    digest.update(json.dumps(context.config.variables, sort_keys=True).encode())
    for file in sorted(models_dir.rglob("*")):
        if file.suffix in {".sql", ".csv", ".py", ".yaml"} and "tests" not in file.parts:
            digest.update(str(file.relative_to(models_dir)).encode() + file.read_bytes())
    return digest.hexdigest()


def _is_changed(context: Context, digest: str) -> bool:
    environment = _environment(context)
    if environment is None or not environment.finalized_ts:
        return True
    adapter = context.engine_adapter
    if not adapter.table_exists(DIGEST_TABLE):
        return True
    known = adapter.fetchone(f"select digest from {DIGEST_TABLE}")
    return known is None or known[0] != digest


def _forget_digest(context: Context) -> None:
    context.engine_adapter.execute(f"drop table if exists {DIGEST_TABLE}")


def _keep_digest(context: Context, digest: str) -> None:
    context.engine_adapter.execute(f"create table {DIGEST_TABLE} as select '{digest}' as digest")


def _environment(context: Context) -> Environment | None:
    return context.state_reader.get_environment("prod")


def _names(context: Context) -> set[str]:
    """Names of all models that a build must build."""
    environment = _environment(context)
    infos = environment.snapshots if environment else []
    return {
        info.name.replace('"', "").split(".", 1)[1]
        for info in infos
        if info.kind_name and info.kind_name.is_materialized and not info.kind_name.is_seed
    }


def _forget_intervals(context: Context, as_of: datetime) -> None:
    """Make SQLMesh build every model again, however little time has passed since the last build.

    The ledger keeps its earlier days: a model without any is emptied first.
    """
    environment = _environment(context)
    today = int(as_of.timestamp() * 1000) // DAY_MS * DAY_MS
    end = max(today, int(time.time() * 1000)) + DAY_MS * 366
    forget = []
    for info in environment.snapshots if environment else []:
        kind = info.kind_name
        if kind and kind.is_materialized and not kind.is_seed:
            forget.append((info, (today if kind.is_scd_type_2 else 0, end)))
    if forget:
        context.state_sync.remove_intervals(forget)


def failure(errors: list[Exception]) -> LoopReturnsError:
    """Put what SQLMesh reported into this package's words."""
    from sqlmesh.utils.errors import AuditError, NodeAuditsErrors

    audits = []
    for error in errors:
        cause = error.__cause__
        for audit in cause.errors if isinstance(cause, NodeAuditsErrors) else [cause]:
            if isinstance(audit, AuditError):
                model = (audit.model_name or "").replace('"', "").removeprefix("loop.")
                audits.append(f"{audit.audit_name} on {model} ({audit.count} rows)")
    if audits:
        return AuditFailedError(
            "an audit of the marts did not hold: " + "; ".join(sorted(audits)),
            hint="nothing was published; the rows are in the work file, the query in transforms/audits",
        )
    first = errors[0]
    return LoopReturnsError("the marts could not be built", cause=f"{first} {first.__cause__ or ''}".strip())
