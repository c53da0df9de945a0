MODEL (
    name marts.fin_liability,
    kind FULL,
    description 'One row per month, currency and component: what open returns promise at its start and end, and what moved it. It closes exactly, or the build fails.',
    grain (month, currency, component),
    column_descriptions (
        month = 'First day of the month, UTC',
        currency = 'Shop currency, ISO 4217; XXX when there is none',
        component = 'cash, store_credit or exchange',
        match_class = 'closes; residual when opening and movements do not give the closing',
        opening = 'Promised by returns that were live when the month began',
        created = 'By returns made in the month',
        edited = 'Changes of returns that stayed live, signed; of another currency, too',
        reopened = 'By returns that came back to life',
        processed = 'Of returns that were closed',
        cancelled = 'Of returns that were cancelled',
        expired = 'Of returns that expired',
        left_otherwise = 'Of returns that went into a state that nobody knows',
        closing = 'Promised by returns that were live at the end, or now; summed from the states, not from the movements',
        control = 'Opening plus movements minus closing; must be 0',
        amount = 'Net movement of the month: closing minus opening',
        closing_returns = 'Returns that were live at the end',
        net_returns = 'Net movement of live returns',
        control_returns = 'The same control in returns; must be 0',
        unknown_amounts = 'Returns live at the end of which Loop says no amount; counted as 0',
        assumed_created = 'Part of created whose return was first seen ended: its amounts are those of then',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (month, currency, component, closing, control)),
        unique_combination_of_columns(columns := (month, currency, component)),
        roll_forward_closes()
    )
);

WITH versions AS (
    SELECT
        *
    FROM marts.return_versions
), changes AS (
    SELECT
        versions.*,
        CAST(DATE_TRUNC('MONTH', versions.valid_from AT TIME ZONE 'UTC') AS DATE) AS month,
        LAG(versions.is_live) OVER (PARTITION BY versions.return_id ORDER BY versions.version_no) AS was_live,
        LAG(versions.currency) OVER (PARTITION BY versions.return_id ORDER BY versions.version_no) AS currency_before,
        LAG(versions.cash) OVER (PARTITION BY versions.return_id ORDER BY versions.version_no) AS cash_before,
        LAG(versions.store_credit) OVER (PARTITION BY versions.return_id ORDER BY versions.version_no) AS store_credit_before,
        LAG(versions.exchange) OVER (PARTITION BY versions.return_id ORDER BY versions.version_no) AS exchange_before
    FROM versions
), components AS (
    SELECT
        'cash' AS component
    UNION ALL
    SELECT
        'store_credit' AS component
    UNION ALL
    SELECT
        'exchange' AS component
), parts AS (
    SELECT
        changes.*,
        components.component,
        CASE components.component
            WHEN 'cash'
            THEN changes.cash
            WHEN 'store_credit'
            THEN changes.store_credit
            WHEN 'exchange'
            THEN changes.exchange
        END AS amount,
        CASE components.component
            WHEN 'cash'
            THEN changes.cash_before
            WHEN 'store_credit'
            THEN changes.store_credit_before
            WHEN 'exchange'
            THEN changes.exchange_before
        END AS amount_before
    FROM changes
    CROSS JOIN components
), movements AS (
    SELECT
        parts.month,
        parts.currency_before AS currency,
        parts.component,
        CASE
            WHEN parts.is_live
            THEN 'edited'
            WHEN parts.state = 'closed'
            THEN 'processed'
            WHEN parts.state IN ('cancelled', 'expired')
            THEN parts.state
            ELSE 'left_otherwise'
        END AS kind,
        -COALESCE(parts.amount_before, 0) AS amount,
        -1 AS returns,
        FALSE AS is_assumed
    FROM parts
    WHERE
        parts.was_live
    UNION ALL
    SELECT
        parts.month,
        parts.currency,
        parts.component,
        CASE WHEN parts.was_live IS NULL THEN 'created' WHEN parts.was_live THEN 'edited' ELSE 'reopened' END AS kind,
        COALESCE(parts.amount, 0) AS amount,
        1 AS returns,
        parts.is_assumed
    FROM parts
    WHERE
        parts.is_live
), moved AS (
    SELECT
        movements.month,
        movements.currency,
        movements.component,
        SUM(CASE WHEN movements.kind = 'created' THEN movements.amount ELSE 0 END) AS created,
        SUM(CASE WHEN movements.kind = 'created' AND movements.is_assumed THEN movements.amount ELSE 0 END) AS assumed_created,
        SUM(CASE WHEN movements.kind = 'edited' THEN movements.amount ELSE 0 END) AS edited,
        SUM(CASE WHEN movements.kind = 'reopened' THEN movements.amount ELSE 0 END) AS reopened,
        -SUM(CASE WHEN movements.kind = 'processed' THEN movements.amount ELSE 0 END) AS processed,
        -SUM(CASE WHEN movements.kind = 'cancelled' THEN movements.amount ELSE 0 END) AS cancelled,
        -SUM(CASE WHEN movements.kind = 'expired' THEN movements.amount ELSE 0 END) AS expired,
        -SUM(CASE WHEN movements.kind = 'left_otherwise' THEN movements.amount ELSE 0 END) AS left_otherwise,
        SUM(movements.amount) AS amount,
        SUM(movements.returns) AS net_returns
    FROM movements
    GROUP BY
        movements.month,
        movements.currency,
        movements.component
), currency_spans AS (
    SELECT
        moved.currency,
        MIN(moved.month) AS first_month
    FROM moved
    GROUP BY
        moved.currency
), month_starts AS (
    SELECT
        currency_spans.currency,
        @series(
            CAST(currency_spans.first_month AS TIMESTAMP),
            DATE_TRUNC('MONTH', CAST(@execution_ts AS TIMESTAMPTZ) AT TIME ZONE 'UTC'),
            INTERVAL '1' MONTH
        ) AS starts_at
    FROM currency_spans
), months AS (
    SELECT
        month_starts.currency,
        CAST(month_starts.starts_at AS DATE) AS month
    FROM month_starts
), grid AS (
    SELECT
        months.month,
        months.currency,
        components.component,
        CAST(CAST(months.month + INTERVAL '1' MONTH AS TIMESTAMP) AT TIME ZONE 'UTC' AS TIMESTAMPTZ) AS month_end
    FROM months
    CROSS JOIN components
), balances AS (
    SELECT
        grid.month,
        grid.currency,
        grid.component,
        COALESCE(SUM(parts.amount), 0) AS closing,
        COUNT(parts.return_id) AS closing_returns,
        COUNT(parts.return_id) - COUNT(parts.amount) AS unknown_amounts
    FROM grid
    LEFT JOIN parts
        ON parts.currency = grid.currency
        AND parts.component = grid.component
        AND parts.is_live
        AND parts.valid_from < grid.month_end
        AND COALESCE(parts.valid_to, CAST('9999-01-01 00:00:00+00' AS TIMESTAMPTZ)) >= grid.month_end
    GROUP BY
        grid.month,
        grid.currency,
        grid.component
), rolled AS (
    SELECT
        balances.*,
        COALESCE(
            LAG(balances.closing) OVER (PARTITION BY balances.currency, balances.component ORDER BY balances.month),
            0
        ) AS opening,
        COALESCE(
            LAG(balances.closing_returns) OVER (PARTITION BY balances.currency, balances.component ORDER BY balances.month),
            0
        ) AS opening_returns
    FROM balances
), closed AS (
    SELECT
        rolled.*,
        COALESCE(moved.created, 0) AS created,
        COALESCE(moved.assumed_created, 0) AS assumed_created,
        COALESCE(moved.edited, 0) AS edited,
        COALESCE(moved.reopened, 0) AS reopened,
        COALESCE(moved.processed, 0) AS processed,
        COALESCE(moved.cancelled, 0) AS cancelled,
        COALESCE(moved.expired, 0) AS expired,
        COALESCE(moved.left_otherwise, 0) AS left_otherwise,
        COALESCE(moved.net_returns, 0) AS net_returns
    FROM rolled
    LEFT JOIN moved
        ON moved.month = rolled.month AND moved.currency = rolled.currency AND moved.component = rolled.component
), controlled AS (
    SELECT
        closed.*,
        closed.opening + closed.created + closed.edited + closed.reopened - closed.processed - closed.cancelled - closed.expired - closed.left_otherwise - closed.closing AS control,
        closed.opening_returns + closed.net_returns - closed.closing_returns AS control_returns
    FROM closed
), final AS (
    SELECT
        CAST(controlled.month AS DATE) AS month,
        CAST(controlled.currency AS TEXT) AS currency,
        CAST(controlled.component AS TEXT) AS component,
        CAST(CASE WHEN controlled.control = 0 AND controlled.control_returns = 0 THEN 'closes' ELSE 'residual' END AS TEXT) AS match_class,
        CAST(controlled.opening AS DECIMAL(18, 4)) AS opening,
        CAST(controlled.created AS DECIMAL(18, 4)) AS created,
        CAST(controlled.edited AS DECIMAL(18, 4)) AS edited,
        CAST(controlled.reopened AS DECIMAL(18, 4)) AS reopened,
        CAST(controlled.processed AS DECIMAL(18, 4)) AS processed,
        CAST(controlled.cancelled AS DECIMAL(18, 4)) AS cancelled,
        CAST(controlled.expired AS DECIMAL(18, 4)) AS expired,
        CAST(controlled.left_otherwise AS DECIMAL(18, 4)) AS left_otherwise,
        CAST(controlled.closing AS DECIMAL(18, 4)) AS closing,
        CAST(controlled.control AS DECIMAL(18, 4)) AS control,
        CAST(controlled.closing - controlled.opening AS DECIMAL(18, 4)) AS amount,
        CAST(controlled.closing_returns AS BIGINT) AS closing_returns,
        CAST(controlled.net_returns AS BIGINT) AS net_returns,
        CAST(controlled.control_returns AS BIGINT) AS control_returns,
        CAST(controlled.unknown_amounts AS BIGINT) AS unknown_amounts,
        CAST(controlled.assumed_created AS DECIMAL(18, 4)) AS assumed_created,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM controlled
)
SELECT
    *
FROM final
