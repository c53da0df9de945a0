"""One build inside SQLMesh: decide between plan and run, make it build everything, find out what failed.

SQLMesh builds what it believes to be missing. After a load everything is missing, whatever its clock says, so
the record of what was built up to `as_of` is taken away first.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from loop_returns.errors import LoopReturnsError
from loop_returns.warehouse.mart_project import Project, config
from loop_returns.warehouse.mart_replay import audits_failed
from loop_returns.warehouse.mart_script import Built, Progress, Step, in_order, is_recognisable

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.environment import Environment

    from loop_returns.warehouse.mart_console import Recorder

DAY_MS = 24 * 60 * 60 * 1000


def build(
    project: Project, as_of: datetime, on_progress: Progress | None, *, is_changed: bool
) -> tuple[Built, list[Step] | None]:
    """Build every model, and say how it was built.

    Args:
        project: What to build.
        as_of: The build's one present, UTC.
        on_progress: Called after each model.
        is_changed: Models, settings or code are not those of the last plan.

    Returns:
        What was built, and the script to build it again; no script when a model cannot be built like that.

    Raises:
        AuditFailedError: An audit did not hold.
        LoopReturnsError: A model could not be built.
    """
    from sqlmesh import Context
    from sqlmesh.core.console import set_console

    from loop_returns.warehouse.mart_console import Recorder, described

    recorder = Recorder(on_progress, is_postgres=project.place.is_postgres)
    set_console(recorder)
    settings = config(
        project.place, project.settings, project.work_dir / "cache", models_dir=project.models_dir
    )
    context = Context(paths=[str(project.models_dir)], config=settings, load=False)
    try:
        planned = execute(context, as_of, recorder, is_changed=is_changed)
        steps = _script(context, as_of, recorder)
    finally:
        context.close()
    texts = {name: described(model) for name, model in recorder.models.items()}
    is_plain = is_recognisable(as_of, project.models_dir, settings.variables)
    return Built(recorder.built, recorder.audits, texts, planned), steps if is_plain else None


def execute(context: Context, as_of: datetime, recorder: Recorder, *, is_changed: bool) -> bool:
    """Build every model; True when it was planned: something had changed, or no plan ever came to its end."""
    from sqlmesh.utils.errors import SQLMeshError

    environment = _environment(context)
    planned = is_changed or environment is None or not environment.finalized_ts
    try:
        with recorder.listening():
            if planned:
                _plan(context, as_of)
            if not planned or not _names(context) <= set(recorder.built):
                _run(context, as_of)
            elif not recorder.errors and (remembering := _names(context, is_remembering=True)):
                _run(context, as_of, remembering)
    except SQLMeshError as error:
        recorder.errors = recorder.errors or [error]
    if recorder.errors:
        raise failure(recorder.errors) from recorder.errors[0]
    return planned


def _script(context: Context, as_of: datetime, recorder: Recorder) -> list[Step] | None:
    """How each model was built, in order; None when one of them cannot be built like that again."""
    names = _names(context)
    steps = [step.without(as_of) for name, step in recorder.steps.items() if step and name in names]
    found = [step for step in steps if step]
    return in_order(found) if len(found) == len(names) else None


def _run(context: Context, as_of: datetime, only: Collection[str] = ()) -> None:
    """Build all models, or some of them once more.

    The first statement of one that remembers empties its table; the second is how it is built from then on.
    """
    _forget_intervals(context, as_of, only)
    context.run(
        ignore_cron=True,
        execution_time=as_of,
        end=as_of,
        skip_janitor=True,
        select_models=only or None,
        no_auto_upstream=True,
    )


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


def _environment(context: Context) -> Environment | None:
    return context.state_reader.get_environment("prod")


def _names(context: Context, *, is_remembering: bool = False) -> set[str]:
    """Names of all models that a build must build, or of those among them that remember earlier builds."""
    environment = _environment(context)
    infos = environment.snapshots if environment else []
    return {
        _plain(info.name)
        for info in infos
        if info.kind_name and info.kind_name.is_materialized and not info.kind_name.is_seed
        if info.kind_name.is_scd_type_2 or not is_remembering
    }


def _plain(name: str) -> str:
    return name.replace('"', "").split(".", 1)[1]


def _forget_intervals(context: Context, as_of: datetime, only: Collection[str] = ()) -> None:
    """Make SQLMesh build every model again, however little time has passed since the last build.

    The ledger keeps its earlier days: a model without any is emptied first.
    """
    environment = _environment(context)
    today = int(as_of.timestamp() * 1000) // DAY_MS * DAY_MS
    end = max(today, int(time.time() * 1000)) + DAY_MS * 366
    forget = []
    for info in environment.snapshots if environment else []:
        kind = info.kind_name
        if kind and kind.is_materialized and not kind.is_seed and (not only or _plain(info.name) in only):
            forget.append((info, (today - DAY_MS if kind.is_scd_type_2 else 0, end)))
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
                model = ".".join((audit.model_name or "").replace('"', "").split(".")[-2:])
                audits.append(f"{audit.audit_name} on {model} ({audit.count} rows)")
    if audits:
        return audits_failed(audits)
    first = errors[0]
    return LoopReturnsError("the marts could not be built", cause=f"{first} {first.__cause__ or ''}".strip())
