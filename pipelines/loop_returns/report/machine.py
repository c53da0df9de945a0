"""What the machine did with returns, and what waits for a person.

marts.action_outcome, marts.flag_candidates, ops.* -> figures; names and words of people are left out
"""

from __future__ import annotations

from datetime import datetime

import duckdb

from loop_returns.report.published import Figures, row, rows

SOON_DAYS = 7

_OUTCOMES = """
    select action, match_class, coalesce(currency, '') as currency, count(*) as attempts,
        count(distinct return_id) as returns, sum(amount) as amount,
        min(changed_at) as first_at, max(changed_at) as last_at
    from loop.marts.action_outcome
    where $since is null or changed_at > $since
    group by all order by action, match_class, currency
"""
_RULES = """
    select rule_id, mode, action, count(*) as picks,
        count(*) filter (is_exempt) as exempt
    from loop.marts.flag_candidates group by all order by mode, picks desc, rule_id
"""
_REQUESTS = """
    select count(*) as requests, min(item.requested_at) as oldest_at
    from loop.ops.flagged_items as item
    where item.status = 'open'
        and not exists (
            select 1 from loop.ops.decisions as said where said.flagged_item_id = item.flagged_item_id
                and said.decided_at >= item.requested_at)
        and not exists (
            select 1 from loop.ops.actions as done where done.flagged_item_id = item.flagged_item_id
                and done.state in ('CONFIRMED', 'ALREADY') and done.updated_at >= item.requested_at)
"""
_PARKED = """
    select count(*) filter (state = 'PARKED') as parked,
        count(*) filter (state in ('INTENT', 'IN_DOUBT')) as in_doubt,
        count(*) filter (state = 'PLANNED') as planned
    from loop.ops.actions
"""
_REVIEW = """
    select count(*) as in_review, min(created_at) as oldest_at
    from loop.marts.fin_open_returns where state = 'review'
"""
_ENDING = f"""
    select count(*) as ending from loop.marts.open_breaks
    where status = 'accepted' and accepted_until <= as_of::date + {SOON_DAYS}
"""


def machine(database: duckdb.DuckDBPyConnection, since: datetime | None) -> Figures:
    """What was attempted after `since` (None: ever) and what became of it; what the rules pick now."""
    return {
        "since": since,
        "outcomes": rows(database, _OUTCOMES, {"since": since}),
        "rules": rows(database, _RULES),
    }


def waiting(database: duckdb.DuckDBPyConnection) -> Figures:
    """What goes no further without a person, now."""
    return {
        **row(database, _PARKED),
        "undecided": row(database, _REQUESTS),
        "review": row(database, _REVIEW),
        **row(database, _ENDING),
    }
