"""What every action command works with, and what it does first and last: confirm, mirror.

desk() -> limits, tables, ledger (refused when its mirror knows better) -> confirm() -> ... -> mirror()
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from loop_returns.actions.limits import Limits, limits
from loop_returns.actions.postgres_store import PostgresStore, has_ledger
from loop_returns.actions.records import Entry
from loop_returns.actions.recovery import Recovery, Report, Setting
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.sqlite_store import SqliteStore
from loop_returns.actions.states import SENT
from loop_returns.actions.wire import EngineClock, HttpWire, drive
from loop_returns.api.client import ClientSettings, LoopClient
from loop_returns.errors import DatabaseLockedError, GuardRefusedError, LoopReturnsError
from loop_returns.job import Job, writing
from loop_returns.ops import tables as tables_of
from loop_returns.ops.tables import Tables
from loop_returns.settings import Settings
from loop_returns.warehouse import mart_settings, publishing

PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything one command works with.

    Attributes:
        ledger: None when there is none yet, and the command makes none.
    """

    job: Job
    limits: Limits
    tables: Tables
    ledger: SqlLedger | None
    run_id: str
    by: str

    @property
    def shop(self) -> str:
        """Names the shop in action keys: one data directory serves one shop."""
        return urlsplit(self.job.settings.base_url).hostname or ""

    @property
    def need(self) -> SqlLedger:
        """The ledger of a command that made one."""
        assert self.ledger is not None
        return self.ledger

    @contextmanager
    def made(self) -> Iterator[SqlLedger]:
        """The ledger, made only now when there was none."""
        ledger = self.ledger or _ledger(self.job.settings)
        try:
            yield ledger
        finally:
            if ledger is not self.ledger:
                ledger.close()

    def entry(self, reason: str, evidence: dict[str, Any] | None = None) -> Entry:
        """A change by whoever speaks, now."""
        return Entry(self.run_id, self.by, datetime.now(UTC), reason, evidence or {})


@contextmanager
def desk(job: Job, *, by: str = "engine", make: bool = False) -> Iterator[Desk]:
    """Open what a command needs, and refuse a ledger that its mirror knows better.

    Args:
        job: Settings and listener.
        by: Who speaks.
        make: Make the ledger when it is not there.

    Raises:
        GuardRefusedError: The ledger is lost, or older than what was mirrored of it.
    """
    known = limits(job.merchant)
    hours = mart_settings.variables(job.merchant)["freshness_block_hours"]
    assert isinstance(hours, int | float)
    published = publishing.fresh(job.settings.place, job.settings.paths)
    tables = tables_of.read(published, job.present, hours, known.blocking_checks)
    is_there = _has_ledger(job.settings)
    if tables.head[0] and not is_there:
        raise _older(f"it is not there, and {tables.head[0]} of its events are mirrored")
    ledger = _ledger(job.settings) if make or is_there else None
    try:
        if ledger is not None and tables.head[0] and ledger.hash_at(tables.head[0]) != tables.head[1]:
            raise _older(f"it does not hold event {tables.head[0]} as ops.action_events has it")
        run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        yield Desk(job, known, tables, ledger, run_id, by)
    finally:
        if ledger is not None:
            ledger.close()


def _has_ledger(settings: Settings) -> bool:
    return has_ledger(settings.dsn) if settings.dsn else settings.paths.ledger.exists()


def _ledger(settings: Settings) -> SqlLedger:
    """Where the tables are, there is the ledger: in Postgres, or in a file of its own beside DuckDB's."""
    return SqlLedger(PostgresStore(settings.dsn) if settings.dsn else SqliteStore(settings.paths.ledger))


def _older(cause: str) -> GuardRefusedError:
    return GuardRefusedError(
        "the action ledger is lost, or older than its mirror",
        cause=cause,
        hint="put the newest copy of ledger.sqlite back: with an older one an action could be done twice",
    )


def confirm(at: Desk) -> Report | None:
    """Read back what may have been sent; a Loop that does not answer stops nobody."""
    if at.ledger is None or not at.ledger.actions(*SENT):
        return None
    key = at.job.settings.api_key
    if not key:
        at.job.listener.note("actions are not read back: no API key is set")
        return None
    setting = Setting(at.limits, at.run_id, is_paced=False, heard=at.tables.heard)
    with reader(at.job, key) as loop:
        clock = EngineClock()
        report = drive(Recovery(at.ledger, HttpWire(loop), clock, setting).confirm(), clock)
    for why in sorted(set(report.unread.values())):
        at.job.listener.note(f"not all actions could be read back: {why}")
    return report


def before_run(job: Job) -> None:
    """What `run` does first: confirm, and mirror, so that the marts see it. Never in the way of the run."""
    try:
        with desk(job) as at:
            if at.ledger is not None:
                confirm(at)
                mirror(at, publish=False)
    except LoopReturnsError as error:
        if error.exit_code == DatabaseLockedError.exit_code:
            raise
        job.listener.note(f"actions are left alone: {error.message} ({error.cause})")


def mirror(at: Desk, *, publish: bool = True) -> bool:
    """Bring `ops.*` up to the ledger, and publish; False when that must wait for the next command."""
    paths = at.job.settings.paths
    if not at.job.settings.place.exists() or at.ledger is None:
        return False
    try:
        with writing(at.job):
            tables_of.mirror(at.job.settings.place, at.ledger)
            if publish and paths.published.exists():
                publishing.publish_between_builds(at.job.settings.place, paths, at.job.listener.note)
    except DatabaseLockedError as error:
        at.job.listener.note(f"ops.actions is brought up to date by the next command: {error.message}")
        return False
    return True


@contextmanager
def reader(job: Job, key: str) -> Iterator[LoopClient]:
    """A client for reading returns back."""
    chosen = ClientSettings(
        api_key=key,
        base_url=job.settings.base_url,
        requests_per_minute=job.settings.requests_per_minute,
        patience_seconds=min(PATIENCE_SECONDS, job.settings.patience_seconds),
    )
    with LoopClient(chosen) as loop:
        yield loop
