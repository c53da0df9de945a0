"""Counting again: what the API shows now against what the tables hold, window by window.

A difference is a row that was within a pull's bound and is not in the tables, is there in another version,
or is in the tables and nowhere at the API. A return that changed after the cursor is no difference: the
next run reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loop_returns.api.client import LoopClient
from loop_returns.api.windows import Window, windows
from loop_returns.extract.coverage import NOTICES, PASSES, RETURNS, Pass, Span
from loop_returns.extract.values import UnfitError, to_text, to_timestamp

if TYPE_CHECKING:
    from dlt.destinations.sql_client import SqlClientBase

Version = tuple[str, datetime]


@dataclass(slots=True)
class Verdict:
    """One window of one pass.

    Attributes:
        api: Rows that the API shows in it.
        missing: Ids that the API shows and the tables lack.
        stale: Ids whose state or `updated_at` differs.
        extra: Ids that the tables have in it and the API shows nowhere.
    """

    span: Span
    api: int = 0
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the window is the same on both sides."""
        return not (self.missing or self.stale or self.extra)


@dataclass(slots=True)
class Verification:
    """All windows, and how many rows changed after the cursor (which is no difference)."""

    verdicts: list[Verdict] = field(default_factory=list)
    changed_since: int = 0

    @property
    def holds(self) -> bool:
        """Whether every window is the same on both sides."""
        return all(verdict.holds for verdict in self.verdicts)


class Verifier:
    """Compares one span.

    Args:
        client: Reads the API.
        held: Client of the destination, whose tables are only read.
        cursor: Up to where the tables claim to be complete.
    """

    def __init__(
        self, client: LoopClient, held: SqlClientBase[Any], cursor: datetime, window_days: int
    ) -> None:
        self._client = client
        self._held = held
        self._cursor = cursor
        self._days = window_days

    def verify(self, start: datetime, end: datetime) -> Iterator[Verdict | Verification]:
        """Yield each window's verdict as it is reached, and last the whole."""
        whole = Verification()
        held = {
            row[0]: (row[1], row[2].astimezone(UTC)) for row in self._select("id, state, updated_at", RETURNS)
        }
        seen: set[str] = set()
        for of in (of for of in PASSES if of.endpoint == RETURNS):
            for window in windows(start, end, days=self._days):
                yield self._returns(Span(of, window), held, seen, whole)
        for verdict in whole.verdicts:
            verdict.extra = self._extra(verdict.span, held, seen)
        notices = {(row[0], row[1]) for row in self._select("id, return_line_item_id", NOTICES)}
        for window in windows(start, end, days=self._days):
            yield self._notices(Span(PASSES[-1], window), notices, whole)
        yield whole

    def _select(self, columns: str, table: str) -> Iterable[tuple[Any, ...]]:
        name = self._held.make_qualified_table_name(table)
        return [tuple(row) for row in self._held.execute_sql(f"select {columns} from {name}") or []]

    def _returns(self, span: Span, held: dict[str, Version], seen: set[str], whole: Verification) -> Verdict:
        verdict = Verdict(span)
        for page in self._client.list_pages(span.window, state=span.of.state):
            for row in page.rows:
                return_id, state, updated = (
                    to_text(row["id"]),
                    str(row.get("state")),
                    _instant(row.get("updated_at")),
                )
                seen.add(return_id)
                if not _within(updated, span.window):
                    continue
                verdict.api += 1
                if updated is not None and updated >= self._cursor:
                    whole.changed_since += held.get(return_id) != (state, updated)
                elif return_id not in held:
                    verdict.missing.append(return_id)
                elif held[return_id] != (state, updated):
                    verdict.stale.append(return_id)
        whole.verdicts.append(verdict)
        return verdict

    def _extra(self, span: Span, held: dict[str, Version], seen: set[str]) -> list[str]:
        return [
            return_id
            for return_id, (state, updated) in held.items()
            if _belongs(state, span.of) and _within(updated, span.window) and return_id not in seen
        ]

    def _notices(self, span: Span, held: set[tuple[str, str]], whole: Verification) -> Verdict:
        verdict = Verdict(span)
        page = self._client.shipping_notices(span.window)
        for row in page.rows:
            verdict.api += 1
            key = (to_text(row["id"]), to_text(row["return_line_item_id"]))
            if key not in held:
                fresh = (_instant(row.get("updated_at")) or self._cursor) >= self._cursor
                whole.changed_since += fresh
                if not fresh:
                    verdict.missing.append("/".join(key))
        whole.verdicts.append(verdict)
        return verdict


def _instant(value: object) -> datetime | None:
    try:
        return to_timestamp(value)
    except UnfitError:
        return None


def _within(at: datetime | None, window: Window) -> bool:
    return at is None or window.start <= at < window.end


def _belongs(state: str, of: Pass) -> bool:
    named = {each.state for each in PASSES if each.state}
    return state == of.state if of.state else state not in named
