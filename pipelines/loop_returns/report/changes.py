"""What changed between two instants: the ledger of breaks gives both ends, and they must meet.

marts.break_ledger at `since` and now -> then + opened - cleared + changed = now, in counts and in money
"""

from __future__ import annotations

from datetime import datetime

import duckdb

from loop_returns.report.published import Figures, row, rows

_SIDES = """
    with versions as (
        select break_key, recon, break_type, coalesce(currency, '') as currency, amount,
            first_seen_at <= $since and (cleared_at is null or cleared_at > $since) as is_then,
            cleared_at is null as is_now
        from loop.marts.break_ledger
    ),
    sides as (
        select coalesce(was.break_key, now.break_key) as break_key,
            coalesce(now.recon, was.recon) as recon, coalesce(now.break_type, was.break_type) as break_type,
            was.break_key is not null as is_then, now.break_key is not null as is_now,
            was.currency as currency_then, was.amount as amount_then,
            now.currency as currency_now, now.amount as amount_now
        from (from versions where is_then) as was
        full join (from versions where is_now) as now on now.break_key = was.break_key
    )
"""
_COUNTS = f"""
    {_SIDES}
    select count(*) filter (is_then) as open_then, count(*) filter (is_now and not is_then) as opened,
        count(*) filter (is_then and not is_now) as cleared, count(*) filter (is_now) as open_now,
        count(*) filter (is_then and is_now
            and (amount_then is distinct from amount_now or currency_then is distinct from currency_now)
        ) as changed
    from sides
"""
_MONEY = f"""
    {_SIDES},
    moves as (
        select currency_then as currency, coalesce(amount_then, 0) as open_then,
            case when is_now then 0 else coalesce(amount_then, 0) end as cleared, 0 as opened,
            case when is_now then -coalesce(amount_then, 0) else 0 end as changed, 0 as open_now
        from sides where is_then
        union all
        select currency_now, 0, 0, case when is_then then 0 else coalesce(amount_now, 0) end,
            case when is_then then coalesce(amount_now, 0) else 0 end, coalesce(amount_now, 0)
        from sides where is_now
    )
    select currency, sum(open_then) as open_then, sum(opened) as opened, sum(cleared) as cleared,
        sum(changed) as changed, sum(open_now) as open_now
    from moves where currency <> '' group by all order by currency
"""
_KINDS = f"""
    {_SIDES}
    select recon, break_type, case when is_now then 'opened' else 'cleared' end as what,
        coalesce(currency_now, currency_then) as currency,
        count(*) as breaks, sum(coalesce(amount_now, amount_then)) as net
    from sides where is_then <> is_now
    group by all order by what desc, breaks desc, recon, break_type, currency
"""
_RETURNS = """
    with seen as (
        select return_id, min(observed_at) as first_at, max(observed_at) as last_at
        from loop.loop_raw.return_history group by all
    )
    select count(*) filter (first_at > $since) as new_returns,
        count(*) filter (first_at <= $since and last_at > $since) as changed_returns
    from seen
"""
_BEGINS = "select min(first_seen_at) as ledger_begins from loop.marts.break_ledger"


def since(database: duckdb.DuckDBPyConnection, start: datetime) -> Figures:
    """What became of the breaks and the returns after `start`, an aware instant.

    A break that was opened and cleared in between is on neither side, and is not counted.
    """
    values = {"since": start}
    return {
        "since": start,
        **row(database, _BEGINS),
        "breaks": row(database, _COUNTS, values),
        "money": rows(database, _MONEY, values),
        "kinds": rows(database, _KINDS, values),
        "returns": row(database, _RETURNS, values),
    }
