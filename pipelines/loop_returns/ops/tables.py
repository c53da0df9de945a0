"""What the action commands read (requests, returns, facts), and what they write: the ledger's mirror.

published file, read-only -> Tables (requests, returns, facts, head of the mirror)
ledger -> ops.actions, ops.action_events, ops.decisions (a merge that may be repeated)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson

from loop_returns.actions import readback
from loop_returns.actions.guards import Facts
from loop_returns.actions.ledger import Ledger
from loop_returns.actions.plan import Known
from loop_returns.actions.readback import CLOSED, FAILED, Told
from loop_returns.actions.records import Request, plain, stamp
from loop_returns.actions.requests import Held, request_of
from loop_returns.errors import LoopReturnsError
from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.place import Connection, Place, has

_RETURNS = """
    select id, lower(state) as state, outcome, currency, total, refund, gift_card, exchange_credit_total,
        lower(label_status) as label_status,
        (select list(line_item_id) from loop_raw.returns__line_items where return_id = r.id) as line_ids
    from loop_raw.returns as r
    where id in (select return_id from ops.flagged_items where status = 'open')
"""
_HEARD = """
    select return_id, trigger, coalesce(last_seen_at, received_at)
    from loop_raw.webhook_events
    where list_contains(?, trigger)
        and return_id in (select return_id from ops.actions where action = 'process')
"""


@dataclass(frozen=True, slots=True)
class Tables:
    """What the published file says.

    Attributes:
        heard: Return id -> webhooks that confirm or fail a `process`, of those in the mirror.
        head: Number and hash of the last event in the mirror; (0, "") when nothing is mirrored.
    """

    requests: list[Request | Held] = field(default_factory=list)
    returns: Mapping[str, Known] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    heard: Mapping[str, Sequence[Told]] = field(default_factory=dict)
    head: tuple[int, str] = (0, "")


def read(published: Path, present: datetime, block_hours: float, checks: Sequence[str]) -> Tables:
    """Read what actions need; an installation without a published file has no requests.

    Args:
        published: The published DuckDB file.
        present: The run's one present.
        block_hours: Tables that are older than this are blocked by `freshness`.
        checks: Of marts.data_quality, those that can block.

    Raises:
        LoopReturnsError: The file cannot be read.
    """
    if not published.exists():
        return Tables()
    with _reading(published) as database:
        if not has(database, "ops", "flagged_items"):
            return Tables()
        database.execute(_RETURNS)
        returns = {row["id"]: _known(row) for row in _dicts(database)}
        database.execute("select * from ops.flagged_items where status = 'open'")
        requests = [request_of(row) for row in _dicts(database)]
        facts = _facts(database, present, block_hours, checks)
        return Tables(requests, returns, facts, _heard(database), head(database))


@contextmanager
def _reading(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with duckdb.connect(str(published), read_only=True) as database:
            database.execute("set timezone = 'UTC'")
            yield database
    except duckdb.Error as error:
        raise LoopReturnsError(
            "the published file cannot be read", cause=str(error).splitlines()[0], hint="loop-returns build"
        ) from error


def _dicts(database: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in database.description or ()]
    for row in database.fetchall():
        yield dict(zip(names, row, strict=True))


def _known(row: Mapping[str, Any]) -> Known:
    money = sum((row[name] or Decimal(0) for name in ("refund", "gift_card")), Decimal(0))
    line_ids = [str(each) for each in row["line_ids"] or ()]
    return Known(readback.fingerprint(row, line_ids), money, row["label_status"])


def _facts(
    database: duckdb.DuckDBPyConnection, present: datetime, block_hours: float, checks: Sequence[str]
) -> Facts:
    counted = database.execute("select count(*) from loop_raw.returns where lower(state) = 'open'").fetchone()
    blocks: list[str] = []
    if has(database, "marts", "data_quality"):
        found = database.execute(
            "select check_id || ' (' || subject || ')' from marts.data_quality"
            " where result = 'block' and list_contains(?, check_id) order by 1",
            [list(checks)],
        )
        blocks = [row[0] for row in found.fetchall()]
        built = database.execute("select max(as_of) from marts.data_quality").fetchone()
        is_checked = "freshness" in checks and built is not None and built[0] is not None
        if is_checked and built and present - built[0] > timedelta(hours=block_hours):
            blocks.append(f"freshness (built {built[0]:%Y-%m-%d %H:%M} UTC)")
    return Facts(counted[0] if counted else None, tuple(blocks))


def _heard(database: duckdb.DuckDBPyConnection) -> dict[str, list[Told]]:
    if not has(database, "loop_raw", "webhook_events"):
        return {}
    database.execute(_HEARD, [[FAILED, CLOSED]])
    heard: dict[str, list[Told]] = {}
    for return_id, trigger, at in database.fetchall():
        heard.setdefault(return_id, []).append(Told(trigger, at))
    return heard


def head(database: Connection) -> tuple[int, str]:
    """Number and hash of the last mirrored event."""
    if not has(database, "ops", "action_events"):
        return 0, ""
    row = database.execute("select seq, hash from ops.action_events order by seq desc limit 1").fetchone()
    return (row[0], row[1]) if row else (0, "")


def mirror(place: Place, ledger: Ledger) -> int:
    """Bring `ops.actions`, `ops.action_events`, `ops.decisions` up to the ledger; may be repeated.

    Returns:
        Events that were new.
    """
    with place.opened() as database:
        ops_tables.ensure(database)
        after, _ = head(database)
        database.begin()
        events = [_event(event) for event in ledger.events(after)]
        _insert(database, "action_events", events)
        database.execute("delete from ops.actions")
        _insert(database, "actions", [_columns("actions", action) for action in ledger.actions()])
        database.execute("delete from ops.decisions")
        _insert(database, "decisions", [_columns("decisions", each) for each in ledger.decisions()])
        database.commit()
    return len(events)


def _event(event: object) -> list[Any]:
    return _columns("action_events", event)


def _columns(table: str, record: object) -> list[Any]:
    return [_value(getattr(record, name)) for name in ops_tables.TABLES[table].columns]


def _value(value: object) -> object:
    if isinstance(value, Mapping):
        return orjson.dumps(dict(value)).decode()
    if isinstance(value, datetime):
        return stamp(value)
    return plain(value) if isinstance(value, Decimal) else value


def _insert(database: Connection, table: str, rows: list[list[Any]]) -> None:
    if rows:
        names = ", ".join(f'"{name}"' for name in ops_tables.TABLES[table].columns)
        places = ", ".join("?" * len(rows[0]))
        database.executemany(f"insert into ops.{table}({names}) values ({places})", rows)
