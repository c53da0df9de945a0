"""Where everything stands, as figures: what `run`, `status` and `demo` print.

published file -> figures() (JSON) -> words (the texts)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from loop_returns.actions.states import TERMINAL
from loop_returns.api.windows import Window
from loop_returns.extract.coverage import NOTICES, PASSES, RETURNS, Entry, Record, Span
from loop_returns.report.published import Figures, opened, published_at

WORST = 5

_RUN = """
    select run_id, max(bound), count(*), sum(pages), sum(rows), sum(requests), min(started_at),
        max(finished_at)
    from loop.loop_raw.pull_windows
    where status = 'complete' group by run_id order by max(finished_at) desc limit 1
"""
_KINDS = """
    select recon, break_type, min(severity), count(*), count(distinct return_id), max(age_days),
        max(return_age_days)
    from loop.marts.open_breaks where status = 'open' group by all order by 3, 4 desc, 1, 2
"""
_AMOUNTS = """
    select recon, break_type, currency, sum(amount) from loop.marts.open_breaks
    where status = 'open' and amount is not null group by all order by count(*) desc, currency
"""
_WORST = f"""
    select recon, break_type, severity, return_id, entity, amount, currency, left_ref, right_ref, age_days,
        return_age_days
    from loop.marts.open_breaks
    where status = 'open'
    order by severity, abs(coalesce(amount, 0)) desc, break_key limit {WORST}
"""
_CAUSES = """
    select count(*) filter (status = 'open' and coalesce(root_cause, 'unknown') = 'unknown'),
        count(*) filter (status = 'accepted')
    from loop.marts.open_breaks
"""
_SEVERITIES = """
    select severity, count(*) from loop.marts.open_breaks where status = 'open' group by all order by 1
"""
_CHANGES = """
    with run as (select min(started_at) as started_at from loop.loop_raw.pull_windows where run_id = $run),
    seen as (select return_id, min(observed_at) as first_at, max(observed_at) as last_at
        from loop.loop_raw.return_history group by all),
    built as (select max(as_of) as as_of from loop.marts.run_control)
    select
        (select count(*) from seen, run where seen.first_at >= run.started_at),
        (select count(*) from seen, run
            where seen.first_at < run.started_at and seen.last_at >= run.started_at),
        (select count(*) from loop.marts.open_breaks, built where first_seen_at = built.as_of),
        (select count(distinct break_key) from loop.marts.break_ledger, built where cleared_at = built.as_of
            and break_key not in (select break_key from loop.marts.open_breaks))
"""
_HAS_CANDIDATES = """
    select count(*) from duckdb_tables()
    where database_name = 'loop' and schema_name = 'marts' and table_name = 'flag_candidates'
"""
_CANDIDATES = "select mode, count(*) from loop.marts.flag_candidates where not is_exempt group by all"
_OPEN_REQUESTS = """
    select count(*) from loop.ops.flagged_items as item where status = 'open' and not exists (
        select 1 from loop.ops.actions as done where done.flagged_item_id = item.flagged_item_id
            and done.state in ('CONFIRMED', 'ALREADY') and done.updated_at >= item.requested_at)
"""


def figures(published: Path) -> Figures:
    """Everything that `status` and `run --json` print about the published file.

    Raises:
        LoopReturnsError: Nothing is published yet, or the file is not one of ours.
    """
    with opened(published) as database:
        return _figures(database, published)


def _figures(database: duckdb.DuckDBPyConnection, published: Path) -> Figures:
    run = database.execute(_RUN).fetchone()
    return {
        "published": str(published),
        "published_at": published_at(published),
        "published_bytes": published.stat().st_size,
        "as_of": _one(database, "select max(as_of) from loop.marts.run_control"),
        "rows": _rows(database),
        "last_run": _last_run(run) if run else None,
        "coverage": coverage(database),
        "breaks": _breaks(database),
        "checks": dict(
            _select(database, "select result, count(*) from loop.marts.data_quality group by all order by 1")
        ),
        "changes": _changes(database, run[0]) if run else None,
        "flags": _flags(database),
        "pending_actions": _pending_actions(database),
    }


def _flags(database: duckdb.DuckDBPyConnection) -> Figures:
    """Picks of the rules by mode, and open requests that are not done; an older file has none."""
    picks = {"shadow": 0, "on": 0}
    if not _one(database, _HAS_CANDIDATES):
        return {"candidates": picks, "open_requests": 0}
    return {
        "candidates": picks | dict(_select(database, _CANDIDATES)),
        "open_requests": _one(database, _OPEN_REQUESTS),
    }


def _select(database: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return database.execute(sql).fetchall()


def _one(database: duckdb.DuckDBPyConnection, sql: str) -> Any:  # noqa: ANN401 # whatever the column holds
    found = database.execute(sql).fetchone()
    return found[0] if found else None


def _pending_actions(database: duckdb.DuckDBPyConnection) -> int:
    """Actions that are neither ended nor given up; 0 in a file from before there were any."""
    if not _one(
        database,
        "select count(*) from duckdb_tables() where database_name = 'loop'"
        " and schema_name = 'ops' and table_name = 'actions'",
    ):
        return 0
    ended = ", ".join(f"'{state}'" for state in sorted(TERMINAL))
    return int(_one(database, f"select count(*) from loop.ops.actions where state not in ({ended})"))


def _rows(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    names = _select(
        database,
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'loop'"
        " and schema_name in ('loop_raw', 'marts') and table_name not like '\\_dlt%' escape '\\' order by 1",
    )
    return {name: _one(database, f"select count(*) from loop.{name}") for (name,) in names}


def _last_run(row: tuple[Any, ...]) -> Figures:
    names = ("run_id", "bound", "windows", "pages", "rows", "requests", "started_at", "finished_at")
    return dict(zip(names, row, strict=True))


def coverage(database: duckdb.DuckDBPyConnection) -> Figures:
    """What was read, up to when, and which holes there are."""
    found = _select(
        database,
        "select run_id, bound, endpoint, pass, window_from, window_to, status"
        " from loop.loop_raw.pull_windows",
    )
    passes = {(of.endpoint, of.name): of for of in PASSES}
    record = Record(
        [
            Entry(run, bound, Span(passes[endpoint, name], Window(start, end)), status == "complete")
            for run, bound, endpoint, name, start, end, status in found
        ]
    )
    start, end = record.earliest, max((entry.bound for entry in record.entries), default=None)
    if start is None or end is None:
        return {"from": None, "to": None, "cursor": {}, "windows": 0, "holes": []}
    return {
        "from": start,
        "to": end,
        "cursor": {endpoint: record.cursor(endpoint, start) for endpoint in (RETURNS, NOTICES)},
        "windows": sum(entry.is_complete for entry in record.entries),
        "holes": [str(hole) for hole in record.holes(start, end)],
    }


def _breaks(database: duckdb.DuckDBPyConnection) -> Figures:
    amounts: dict[tuple[str, str], dict[str, Any]] = {}
    for recon, kind, currency, total in _select(database, _AMOUNTS):
        amounts.setdefault((recon, kind), {})[currency] = total
    names = ("recon", "break_type", "severity", "breaks", "returns", "age_days", "return_age_days")
    kinds = [dict(zip(names, row, strict=True)) for row in _select(database, _KINDS)]
    worst = "recon break_type severity return_id entity amount currency left_ref right_ref age_days"
    worst += " return_age_days"
    ((unknown, accepted),) = _select(database, _CAUSES)
    return {
        "open": sum(kind["breaks"] for kind in kinds),
        "unknown_cause": unknown,
        "accepted": accepted,
        "severities": dict(_select(database, _SEVERITIES)),
        "kinds": [kind | {"amounts": amounts.get((kind["recon"], kind["break_type"]), {})} for kind in kinds],
        "worst": [dict(zip(worst.split(), row, strict=True)) for row in _select(database, _WORST)],
    }


def _changes(database: duckdb.DuckDBPyConnection, run_id: str) -> Figures:
    found = database.execute(_CHANGES, {"run": run_id}).fetchone()
    names = ("new_returns", "changed_returns", "opened_breaks", "cleared_breaks")
    return dict(zip(names, found or (0, 0, 0, 0), strict=True))
