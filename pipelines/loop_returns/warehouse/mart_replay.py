"""A build without SQLMesh: what it executed the last time is executed again, with another present.

sqlmesh.loop_returns_script -> one statement and its audits a model -> staging, rules, marts

It fails as SQLMesh does: what depends on a model that failed is left out, the others are built.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import duckdb

from loop_returns.errors import AuditFailedError, LoopReturnsError
from loop_returns.warehouse.mart_script import Built, Progress, Step

_log = logging.getLogger(__name__)


def replay(
    connection: duckdb.DuckDBPyConnection,
    steps: Sequence[Step],
    as_of: datetime,
    on_progress: Progress | None = None,
) -> Built:
    """Build and audit every model.

    Raises:
        AuditFailedError: An audit did not hold.
        LoopReturnsError: A model could not be built.
    """
    built: list[str] = []
    left_out: set[str] = set()
    failed: list[str] = []
    for step in steps:
        if not left_out.isdisjoint(step.parents):
            left_out.add(step.model)
            continue
        wrong = _build(connection, step.at(as_of))
        if wrong:
            failed += wrong
            left_out.add(step.model)
            continue
        built.append(step.model)
        if on_progress:
            on_progress(step.model, len(built), len(steps))
    if failed:
        raise audits_failed(failed)
    audits = sum(len(step.audits) for step in steps)
    return Built(built, audits, {step.model: step.described for step in steps})


def _build(connection: duckdb.DuckDBPyConnection, step: Step) -> list[str]:
    """Build one model; the audits that did not hold."""
    wrong = []
    try:
        connection.execute(step.statement)
        for audit, query in step.audits:
            found = connection.execute(query).fetchone()
            if found and found[0]:
                _log.error("%s on %s: %d rows\n%s", audit, step.model, found[0], query)
                wrong.append(f"{audit} on {step.model} ({found[0]} rows)")
    except duckdb.Error as error:
        _log.exception("%s could not be built", step.model)
        raise LoopReturnsError("the marts could not be built", cause=f"{step.model}: {error}") from error
    return wrong


def audits_failed(audits: Sequence[str]) -> AuditFailedError:
    """What is said of audits that did not hold, each as `audit on model (n rows)`."""
    return AuditFailedError(
        "an audit of the marts did not hold: " + "; ".join(sorted(audits)),
        hint="nothing was published; the rows are in the work file, the query in transforms/audits",
    )
