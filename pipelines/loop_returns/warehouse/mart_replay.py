"""A build without SQLMesh: what it executed the last time is executed again, with another present.

sqlmesh.loop_returns_script -> one statement and its audits a model -> staging, rules, marts

It fails as SQLMesh does: what depends on a model that failed is left out, the others are built. Models that
do not wait for each other are built side by side: DuckDB alone keeps to one thread below 122,880 rows.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from graphlib import TopologicalSorter

from loop_returns.errors import AuditFailedError, LoopReturnsError
from loop_returns.warehouse import mart_slices
from loop_returns.warehouse.mart_script import Built, Progress, Step
from loop_returns.warehouse.place import Connection, engine_errors, in_own_words

_log = logging.getLogger(__name__)


def replay(
    connections: Sequence[Connection],
    steps: Sequence[Step],
    as_of: datetime,
    on_progress: Progress | None = None,
    *,
    dated: Collection[str] = (),
    by_slices: bool = False,
) -> Built:
    """Build and audit every model.

    Args:
        connections: To one database; as many models are built at a time.
        steps: The models, each once. What they read besides is as it was at the last build.
        as_of: The build's one present, UTC.
        on_progress: Called after each model.
        dated: Models of which only `as_of` is another; they do not count as built.
        by_slices: `mart_slices.note` wrote down which returns changed.

    Raises:
        AuditFailedError: An audit did not hold.
        LoopReturnsError: A model could not be built.
    """
    return _Replay(connections, steps, as_of, on_progress, frozenset(dated), by_slices=by_slices).run()


class _Replay:
    """One build: what is done, what failed, what waits for what."""

    def __init__(
        self,
        connections: Sequence[Connection],
        steps: Sequence[Step],
        as_of: datetime,
        on_progress: Progress | None,
        dated: frozenset[str],
        *,
        by_slices: bool,
    ) -> None:
        self._idle = list(connections)
        self._steps = {step.model: step for step in steps}
        self._as_of = as_of
        self._on_progress = on_progress
        self._dated = dated
        self._by_slices = by_slices
        reads = {step.model: sorted(self._steps.keys() & set(step.parents)) for step in steps}
        self._order = TopologicalSorter(reads)
        self._built: list[str] = []
        self._failed: list[str] = []
        self._left_out: set[str] = set()
        self._whole: set[str] = set()

    def run(self) -> Built:
        """Build each model after those that it reads, one on each connection at a time."""
        self._order.prepare()
        waiting: list[str] = []
        running: dict[Future[list[str]], tuple[Step, Connection]] = {}
        with ThreadPoolExecutor(len(self._idle)) as pool:
            while self._order.is_active():
                waiting += self._order.get_ready()
                while waiting and self._idle:
                    step = self._steps[waiting.pop(0)]
                    if self._left_out.isdisjoint(step.parents):
                        connection = self._idle.pop()
                        running[pool.submit(self._build, connection, step)] = step, connection
                    else:
                        self._left_out.add(step.model)
                        self._order.done(step.model)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    step, connection = running.pop(future)
                    self._done(step, future.result())
                    self._idle.append(connection)
        if self._failed:
            raise audits_failed(self._failed)
        audits = sum(len(self._steps[model].audits) for model in self._built)
        return Built(self._built, audits, {step.model: step.described for step in self._steps.values()})

    def _done(self, step: Step, wrong: list[str]) -> None:
        self._order.done(step.model)
        if wrong:
            self._failed += wrong
            self._left_out.add(step.model)
            return
        if step.model in self._dated:
            return
        self._built.append(step.model)
        if self._on_progress:
            self._on_progress(step.model, len(self._built), len(self._steps) - len(self._dated))

    def _build(self, connection: Connection, step: Step) -> list[str]:
        """Build one model, in a thread of its own; the audits that did not hold."""
        try:
            if step.model in self._dated:
                connection.execute(step.dating(self._as_of))
                return []
            if not self._sliced(connection, step):
                self._whole.add(step.model)
                in_own_words(connection, step.at(self._as_of).statement)
            return list(_wrong(connection, step.at(self._as_of)))
        except engine_errors() as error:
            _log.exception("%s could not be built", step.model)
            raise LoopReturnsError("the marts could not be built", cause=f"{step.model}: {error}") from error

    def _sliced(self, connection: Connection, step: Step) -> bool:
        """Bring the model up to date by the returns that changed, if that can be."""
        if not (self._by_slices and mart_slices.is_sliceable(step) and self._whole.isdisjoint(step.parents)):
            return False
        changes = mart_slices.statements(step, self._as_of)
        connection.execute("; ".join(["begin", *changes, "commit"]))
        return mart_slices.is_whole(connection, step)


def _wrong(connection: Connection, step: Step) -> Iterator[str]:
    for audit, query in step.audits:
        found = in_own_words(connection, query).fetchone()
        if found and found[0]:
            _log.error("%s on %s: %d rows\n%s", audit, step.model, found[0], query)
            yield f"{audit} on {step.model} ({found[0]} rows)"


def audits_failed(audits: Sequence[str]) -> AuditFailedError:
    """What is said of audits that did not hold, each as `audit on model (n rows)`."""
    return AuditFailedError(
        "an audit of the marts did not hold: " + "; ".join(sorted(audits)),
        hint="nothing was published; the rows are in the work file, the query in transforms/audits",
    )
