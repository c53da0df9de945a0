"""What does not reconcile: counts and signed sums side by side, ages, causes; no sum over two currencies.

marts.open_breaks -> figures
"""

from __future__ import annotations

import duckdb

from loop_returns.report.published import Figures, row, rows

WORST = 10
BUCKETS = ("0-1", "2-3", "4-7", "8-14", "15-30", "31-60", "61+")

_OPEN = "(from loop.marts.open_breaks where status = 'open')"
_SUMS = """
    count(*) as breaks, count(*) filter (amount is null) as without_amount,
    count(*) filter (amount > 0) as plus_breaks, coalesce(sum(amount) filter (amount > 0), 0) as plus,
    count(*) filter (amount < 0) as minus_breaks, coalesce(sum(amount) filter (amount < 0), 0) as minus,
    sum(amount) as net
"""
_STANDING = """
    select count(*) filter (status = 'open') as open, count(*) filter (status = 'accepted') as accepted,
        count(distinct return_id) filter (status = 'open') as returns,
        count(*) filter (status = 'open' and reopened_count > 0) as reopened,
        count(*) filter (status = 'open' and coalesce(root_cause, 'unknown') = 'unknown') as unknown_cause
    from loop.marts.open_breaks
"""
_KINDS = f"""
    select * from (
        select owner, recon, break_type, coalesce(currency, '') as currency, min(severity) as severity,
            max(age_days) as age_days, max(return_age_days) as return_age_days, {_SUMS}
        from {_OPEN} group by all
    )
    window kind as (partition by owner, recon, break_type)
    order by owner, min(severity) over kind, sum(breaks) over kind desc, recon, break_type, currency
"""
_TOTALS = f"""
    select owner, currency, {_SUMS}
    from {_OPEN} where currency is not null group by all order by owner, currency
"""
_SEVERITIES = f"""
    select severity, count(*) as breaks from {_OPEN} group by all order by severity
"""
_BUCKETS = f"""
    select age_bucket, count(*) as breaks, count(*) filter (severity = 1) as severity_1,
        count(*) filter (severity = 2) as severity_2, count(*) filter (severity = 3) as severity_3,
        count(*) filter (severity >= 4) as severity_4
    from {_OPEN} group by all
"""
_AGED_MONEY = f"""
    select age_bucket, currency, {_SUMS} from {_OPEN} where currency is not null group by all
"""
_CAUSES = f"""
    select * from (
        select coalesce(root_cause, 'unknown') as root_cause, coalesce(currency, '') as currency, {_SUMS}
        from {_OPEN} group by all
    )
    order by sum(breaks) over (partition by root_cause) desc, root_cause, currency
"""
_WORST = f"""
    select recon, break_type, severity, return_id, entity, amount, currency, left_ref, right_ref,
        first_seen_at, age_days, return_age_days
    from {_OPEN} order by severity, abs(coalesce(amount, 0)) desc, break_key limit {WORST}
"""


def breaks(database: duckdb.DuckDBPyConnection) -> Figures:
    """Open breaks by class and currency, their sums, the worst ones."""
    return {
        **row(database, _STANDING),
        "severities": {each["severity"]: each["breaks"] for each in rows(database, _SEVERITIES)},
        "kinds": rows(database, _KINDS),
        "totals": rows(database, _TOTALS),
        "worst": rows(database, _WORST),
    }


def ageing(database: duckdb.DuckDBPyConnection) -> Figures:
    """Open breaks by the days since they were first seen, in counts and in money."""

    def place(each: Figures) -> tuple[int, str]:
        return BUCKETS.index(each["age_bucket"]), each.get("currency") or ""

    return {
        "breaks": sorted(rows(database, _BUCKETS), key=place),
        "money": sorted(rows(database, _AGED_MONEY), key=place),
    }


def causes(database: duckdb.DuckDBPyConnection) -> list[Figures]:
    """Open breaks by root cause and currency."""
    return rows(database, _CAUSES)
