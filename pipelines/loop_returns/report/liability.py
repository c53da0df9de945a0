"""What is owed on returns that are open or in review, and what moved it.

marts.fin_open_returns, fin_liability, fin_liability_expected -> figures
"""

from __future__ import annotations

import duckdb

from loop_returns.report.published import Figures, rows

MONTHS = 6
STAGES = ("no_label", "label_only", "in_transit", "delivered", "failed", "no_parcel", "unknown")
AGES = ("0-7", "8-14", "15-28", "29-45", "46-90", "91+")

_NOW = """
    with owed as (
        select coalesce(currency, '') as currency, count(*) as returns, sum(cash_due) as cash,
            sum(credit_due) as credit, sum(exchange_due) as exchange, sum(amount_least) as least,
            sum(amount) as most, sum(fee_expected) as fees,
            count(*) filter (state = 'review') as in_review
        from loop.marts.fin_open_returns group by all
    ),
    expected as (
        select currency, sum(expected_low) as low, sum(expected_amount) as expected,
            sum(expected_high) as high, count(*) filter (match_class = 'too_few' and amount > 0) as too_few
        from loop.marts.fin_liability_expected group by all
    )
    select owed.*, expected.low, case when expected.too_few = 0 then expected.expected end as expected,
        expected.high
    from owed left join expected on expected.currency = owed.currency order by owed.currency
"""
_STAGES = """
    select stage, coalesce(currency, '') as currency, count(*) as returns, sum(amount) as amount
    from loop.marts.fin_open_returns group by all
"""
_AGES = """
    select age_bucket, coalesce(currency, '') as currency, count(*) as returns, sum(amount) as amount
    from loop.marts.fin_open_returns group by all
"""
_ROLLED = f"""
    select month, currency, sum(opening) as opening, sum(created) as created,
        sum(edited) + sum(reopened) as edited, sum(processed) as processed,
        sum(cancelled) + sum(expired) + sum(left_otherwise) as ended_otherwise, sum(closing) as closing,
        sum(control) as control
    from loop.marts.fin_liability
    where month > (select max(month) from loop.marts.fin_liability) - interval {MONTHS} month
    group by all order by currency, month
"""


def liability(database: duckdb.DuckDBPyConnection) -> Figures:
    """What is owed now by currency, stage and age, and the roll-forward of the last months."""
    return {
        "now": rows(database, _NOW),
        "stages": sorted(rows(database, _STAGES), key=lambda each: (each["currency"], _place(each))),
        "ages": sorted(rows(database, _AGES), key=lambda each: (each["currency"], _age(each))),
        "months": rows(database, _ROLLED),
    }


def _place(each: Figures) -> int:
    return STAGES.index(each["stage"]) if each["stage"] in STAGES else len(STAGES)


def _age(each: Figures) -> int:
    return AGES.index(each["age_bucket"]) if each["age_bucket"] in AGES else len(AGES)
