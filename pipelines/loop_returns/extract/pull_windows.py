"""The table `loop_raw.pull_windows` in the destination: read whole, written row by row.

Record.plan -> Ledger.begin (planned) -> load -> Ledger.finish (complete)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loop_returns.api.windows import Window
from loop_returns.extract.coverage import PASSES, Entry, Pull, Record, Span

if TYPE_CHECKING:
    from dlt.destinations.sql_client import SqlClientBase

Statement = tuple[str, tuple[object, ...]]
_PASSES = {(of.endpoint, of.name): of for of in PASSES}
_WINDOW = "run_id = %s and endpoint = %s and pass = %s and window_from = %s and window_to = %s"


@dataclass(frozen=True, slots=True)
class Done:
    """What reading one span took and gave."""

    span: Span
    pages: int
    rows: int
    requests: int
    started_at: datetime
    finished_at: datetime


class PullWindows:
    """The record of what was read.

    Args:
        client: Of the destination; its tables must exist (`Target.prepare`).
        api_version: Recorded with each window.
    """

    def __init__(self, client: SqlClientBase[Any], api_version: str) -> None:
        self._client = client
        self._api_version = api_version

    def record(self) -> Record:
        """Everything in the table."""
        found = self._client.execute_sql(
            "select run_id, bound, endpoint, pass, window_from, window_to, status from "
            + self._client.make_qualified_table_name("pull_windows")
        )
        return Record([_entry(*row) for row in found or []])

    def begin(self, pull: Pull) -> None:
        """Write the plan down: its bound is now frozen."""
        self._write(*(self._planned(pull, span) for span in pull.spans))

    def finish(self, pull: Pull, done: Iterable[Done], load_id: str) -> None:
        """Mark windows complete; to be called after the load that holds their last row."""
        self._write(*(_completed(pull, one, load_id) for one in done))

    def halve(self, pull: Pull, span: Span) -> tuple[Span, Span]:
        """Put two windows in the place of one that the API refused."""
        older, newer = (Span(span.of, window) for window in span.window.halves())
        removed = ("delete from {table} where " + _WINDOW, _key(pull, span))
        self._write(removed, *(self._planned(pull, half) for half in (older, newer)))
        return older, newer

    def abandon(self) -> None:
        """Forget plans that nobody will finish; what they did not read stays a hole, and is read as one."""
        self._write(("delete from {table} where status = 'planned'", ()))

    def _planned(self, pull: Pull, span: Span) -> Statement:
        return (
            "insert into {table} (run_id, endpoint, pass, window_from, window_to, bound, status, api_version,"
            " _dlt_load_id) values (%s, %s, %s, %s, %s, %s, 'planned', %s, '')",
            (*_key(pull, span), pull.bound, self._api_version),
        )

    def _write(self, *statements: Statement) -> None:
        table = self._client.make_qualified_table_name("pull_windows")
        with self._client.begin_transaction():
            for sql, params in statements:
                self._client.execute_sql(sql.format(table=table), *params)


def _entry(
    run_id: str, bound: datetime, endpoint: str, name: str, start: datetime, end: datetime, status: str
) -> Entry:  # the driver's types
    span = Span(_PASSES[endpoint, name], Window(_utc(start), _utc(end)))
    return Entry(run_id, _utc(bound), span, status == "complete")


def _key(pull: Pull, span: Span) -> tuple[object, ...]:
    return pull.run_id, span.of.endpoint, span.of.name, span.window.start, span.window.end


def _completed(pull: Pull, done: Done, load_id: str) -> Statement:
    return (
        "update {table} set status = 'complete', pages = %s, rows = %s, requests = %s, started_at = %s,"
        " finished_at = %s, _dlt_load_id = %s where " + _WINDOW,
        (
            *(done.pages, done.rows, done.requests, done.started_at, done.finished_at, load_id),
            *_key(pull, done.span),
        ),
    )


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
