"""Is the pull complete, and can the marts be trusted?

pull_windows, recon_coverage, data_quality, stg_extracts, run_control -> figures
"""

from __future__ import annotations

import duckdb

from loop_returns.report.published import Figures, row, rows
from loop_returns.report.standing import coverage

_LOADED = """
    select max(finished_at) as loaded_at, sum(rows)::bigint as rows, sum(requests)::bigint as requests
    from loop.loop_raw.pull_windows where status = 'complete'
"""
_PASSES = """
    select endpoint, pass, min(day) as first_day, max(day) as last_day, count(*) as days,
        count(*) filter (match_class = 'covered') as covered,
        count(*) filter (match_class = 'partial') as partly,
        count(*) filter (match_class = 'hole') as holes,
        sum(row_count)::bigint as rows
    from loop.marts.recon_coverage group by all order by endpoint desc, pass
"""
_UNCOVERED = """
    select endpoint, pass, day, match_class from loop.marts.recon_coverage
    where match_class <> 'covered' order by all
"""
_CHECKS = """
    select check_id, subject, result, finding_count from loop.marts.data_quality
    where result in ('warn', 'block') order by result, finding_count desc, check_id, subject
"""
_RESULTS = "select result, count(*) as checks from loop.marts.data_quality group by all order by 1"
_EXTRACTS = """
    select name, is_present, rows, rejected, newest_at, read_at from loop.staging.stg_extracts
    order by is_present desc, name
"""
_CONTROL = """
    select count(distinct mart) as marts, count(*) as classes,
        count(*) filter (residual_rows <> 0 or residual_amount <> 0) as residuals
    from loop.marts.run_control
"""


def pull(database: duckdb.DuckDBPyConnection) -> Figures:
    """What was read, what was not, what other systems gave, what the checks say."""
    covered = coverage(database)
    return {
        **row(database, _LOADED),
        "from": covered["from"],
        "to": covered["to"],
        "windows": covered["windows"],
        "holes": covered["holes"],
        "is_complete": covered["from"] is not None and not covered["holes"],
        "passes": _passes(database),
        "extracts": rows(database, _EXTRACTS),
        "results": {each["result"]: each["checks"] for each in rows(database, _RESULTS)},
        "checks": rows(database, _CHECKS),
        "control": row(database, _CONTROL),
    }


def _passes(database: duckdb.DuckDBPyConnection) -> list[Figures]:
    """Each pass with its days; those that were not read completely are named."""
    uncovered = rows(database, _UNCOVERED)
    passes = rows(database, _PASSES)
    for each in passes:
        each["uncovered"] = [
            {"day": one["day"], "is_hole": one["match_class"] == "hole"}
            for one in uncovered
            if (one["endpoint"], one["pass"]) == (each["endpoint"], each["pass"])
        ]
    return passes
