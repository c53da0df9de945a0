"""The table `loop_raw.return_details`: returns read by id, in the shape that the details endpoint has.

webhook_events, returns -> ids() -> client.details -> policy for personal data -> Target.load_details

Read is what a delivery named and no poll has shown since, and, where `[details] wanted` says so, what changed
since it was last read. Which these are is asked of the tables, so a run that died leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from loop_returns.api import fields
from loop_returns.errors import ApiError, KeyRefusedError, UsageError
from loop_returns.extract.columns import ARROW, convert
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.values import as_json

if TYPE_CHECKING:
    from loop_returns.extract.source import Target

DEFAULTS: dict[str, Any] = {"wanted": [], "per_run": 200}
WANTED = ("refunds", "labels")
CHUNK = 50
_JSON = ("refunds", "labels")

_KNOWN = """
with seen as (
    select r.id, max(r.fetched_at) as at from {returns} r
    where r.id in (select e.return_id from {events} e) group by r.id
), read as (
    select d.return_id as id, d.fetched_at as at from {details} d
)
"""
_NAMED = (
    _KNOWN
    + """
select e.return_id from {events} e
left join seen on seen.id = e.return_id left join read on read.id = e.return_id
where e.return_id ~ '^[0-9]{{1,18}}$'
and coalesce(e.last_seen_at, e.received_at) > coalesce(greatest(seen.at, read.at), timestamptz '1970-01-01')
group by e.return_id order by max(coalesce(e.last_seen_at, e.received_at)) desc, e.return_id
"""
)
_CHANGED = (
    _KNOWN
    + """
select r.id from {returns} r left join read on read.id = r.id
where r.id ~ '^[0-9]{{1,18}}$' and ({condition})
and (read.at is null or read.at < r.updated_at)
order by r.updated_at desc, r.id
"""
)
_CONDITIONS = {
    "refunds": "lower(r.state) = 'closed' and r.refund > 0",
    "labels": "r.label_status is not null and lower(r.label_status) not in ('', 'n/a')",
}


class Reader(Protocol):
    """Reads one return by its id; None when Loop knows none."""

    def details(self, return_id: str) -> dict[str, Any] | None:
        """One return."""


@dataclass(frozen=True, slots=True)
class Details:
    """`[details]` of loop.toml: what is wanted beyond what deliveries name, and the most of a run."""

    wanted: tuple[str, ...] = ()
    per_run: int = 200


@dataclass(slots=True)
class DetailsResult:
    """What was read; `left`: returns that wait for the next run; `trouble`: why it ended early."""

    read: int = 0
    unknown: int = 0
    left: int = 0
    trouble: str = ""
    ids: list[str] = field(default_factory=list)


def options(merchant: Mapping[str, Any]) -> Details:
    """`[details]` of loop.toml, checked.

    Raises:
        UsageError: It cannot be.
    """
    table = merchant.get("details", {})
    if not isinstance(table, Mapping) or set(table) - set(DEFAULTS):
        raise UsageError("[details] in loop.toml cannot be", hint="known there: " + ", ".join(DEFAULTS))
    values = DEFAULTS | dict(table)
    wanted, per_run = values["wanted"], values["per_run"]
    if not isinstance(wanted, list) or any(each not in WANTED for each in wanted):
        raise UsageError("[details] wanted in loop.toml must be a list", hint='of "refunds", "labels"')
    if isinstance(per_run, bool) or not isinstance(per_run, int) or not 0 <= per_run <= 100_000:
        raise UsageError("[details] per_run in loop.toml must be a number from 0 to 100000")
    return Details(tuple(wanted), per_run)


class ReturnDetails:
    """Reads what is to be read into the destination; the tables exist (`Target.prepare`)."""

    def __init__(self, target: Target, policy: PiiPolicy, api_version: str) -> None:
        self._target, self._policy, self._version = target, policy, api_version

    def ids(self, wanted: Sequence[str]) -> dict[str, str]:
        """Returns to read, first those that deliveries named, with the reason."""
        found = dict.fromkeys(self._query(_NAMED), "webhook")
        for each in wanted:
            for return_id in self._query(_CHANGED, condition=_CONDITIONS[each]):
                found.setdefault(return_id, each)
        return found

    def _query(self, sql: str, **parts: str) -> list[str]:
        client = self._target.client
        tables = {
            name: client.make_qualified_table_name(table)
            for name, table in (
                ("returns", "returns"),
                ("details", "return_details"),
                ("events", "webhook_events"),
            )
        }
        return [row[0] for row in client.execute_sql(sql.format(**tables, **parts)) or []]

    def read(
        self, reader: Reader, wanted: Details, tell: Callable[[int, int], None] = lambda *_: None
    ) -> DetailsResult:
        """Read and load, `CHUNK` at a time; an API that fails ends it, what was read is loaded."""
        due = self.ids(wanted.wanted)
        chosen = list(due.items())[: wanted.per_run]
        result = DetailsResult(left=len(due))
        for start in range(0, len(chosen), CHUNK):
            rows: list[dict[str, Any]] = []
            for return_id, reason in chosen[start : start + CHUNK]:
                try:
                    found = reader.details(return_id)
                except (ApiError, KeyRefusedError) as error:
                    result.trouble = error.message
                    break
                rows.append(self._row(return_id, found, reason))
                tell(start + len(rows), len(chosen))
            self._load(rows, result)
            if result.trouble:
                break
        return result

    def _row(self, return_id: str, found: dict[str, Any] | None, reason: str) -> dict[str, Any]:
        held = found or {}
        return {
            **{name: as_json(self._policy.scrub(held[name], name)) for name in _JSON if held.get(name)},
            "return_id": return_id,
            "state": held.get("state"),
            "updated_at": held.get("updated_at"),
            "body": as_json(self._policy.scrub(held)) if held else None,
            "is_known": found is not None,
            "reason": reason,
            "fetched_at": datetime.now(UTC),
            "api_version": self._version,
        }

    def _load(self, rows: Sequence[dict[str, Any]], result: DetailsResult) -> None:
        if rows:
            self._target.load_details(table(rows))
        result.read += len(rows)
        result.left -= len(rows)
        result.unknown += sum(not row["is_known"] for row in rows)
        result.ids += [row["return_id"] for row in rows]


def table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as the table has them; a state or a time that does not fit stays in `body` alone."""
    held = list(rows)
    columns: dict[str, pa.Array] = {}
    for name, column in fields.RETURN_DETAIL_COLUMNS.items():
        values = [row.get(name) for row in held]
        if name in ("state", "updated_at"):
            ((columns[name], _),) = convert(column.type, [values])
        else:
            columns[name] = pa.array(values, ARROW[column.type])
    return pa.table(columns)
