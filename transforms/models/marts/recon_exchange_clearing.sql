MODEL (
    name marts.recon_exchange_clearing,
    kind FULL,
    description 'One row per currency and month: credit that returns gave for new items, less what exchange orders used of it. The balance of an older month must be 0. An exchange of an exchange stays in the month of the first one.',
    grain (currency, month),
    column_descriptions (
        currency = 'Shop currency, ISO 4217; XXX when there is none',
        month = 'First day of the month, UTC, in which the first return of the chain gave or used credit; was made, where none has yet',
        match_class = 'settled: within the tolerance of each return; open; unverifiable: no exchange order of the month can be seen',
        returns = 'Returns with exchange items',
        chains = 'Chains of returns that are exchanges of each other''s new items; most are one return long',
        longest_chain = 'Returns in the longest of them',
        amount = 'Exchange credit that Loop says, of all of them, due or not',
        credit_granted = 'Credit of the returns that are due, without items out of stock and settled',
        credit_used = 'What exchange orders used of it',
        credit_unverified = 'Credit of returns whose exchange order cannot be seen: no extract, or another currency',
        open_balance = 'Summed from the chains, not from the columns: credit neither used nor unverified. Negative: used before it was given, or more than was given',
        open_returns = 'Returns whose own balance is more than the tolerance away from 0',
        oldest_open_at = 'When the oldest of them gave its credit, UTC; null when it has not yet',
        control = 'Granted less used less unverified less open balance, plus what the currency''s returns granted and no month has; must be 0',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (currency, match_class, open_balance, control)),
        unique_combination_of_columns(columns := (currency, month)),
        clearing_closes()
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), return_lines AS (
    SELECT
        *
    FROM staging.stg_return_lines
), order_lines AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_order_lines
), exchange_returns AS (
    SELECT
        *
    FROM marts.recon_exchange
), exchange_lines AS (
    SELECT
        *
    FROM marts.recon_exchange_lines
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), sums AS (
    SELECT
        exchange_lines.return_id,
        SUM(exchange_lines.due_total) AS due_total,
        SUM(exchange_lines.ordered_total) AS ordered_total,
        SUM(exchange_lines.settled_total) AS settled_total
    FROM exchange_lines
    GROUP BY
        exchange_lines.return_id
), facts AS (
    SELECT
        exchange_returns.return_id,
        COALESCE(exchange_returns.currency, 'XXX') AS currency,
        exchange_returns.state,
        exchange_returns.mode,
        exchange_returns.match_class,
        exchange_returns.exchange_order_id,
        exchange_returns.total_difference,
        exchange_returns.closed_at,
        exchange_returns.found_at,
        COALESCE(returns.created_at, returns.updated_at) AS created_at,
        COALESCE(returns.exchange_credit_total, 0) AS amount,
        sums.due_total,
        sums.ordered_total,
        GREATEST(
            LEAST(
                COALESCE(returns.exchange_credit_total, 0) - sums.settled_total,
                COALESCE(returns.return_credit_total, returns.exchange_credit_total, 0)
            ),
            0
        ) AS credit,
        ROW_NUMBER() OVER (
            PARTITION BY exchange_returns.exchange_order_id
            ORDER BY exchange_returns.closed_at, exchange_returns.return_id
        ) AS use_no,
        @tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01) AS tolerance
    FROM exchange_returns
    INNER JOIN returns
        ON returns.return_id = exchange_returns.return_id
    INNER JOIN sums
        ON sums.return_id = exchange_returns.return_id
    LEFT JOIN currencies
        ON currencies.currency = exchange_returns.currency
), moved AS (
    /* An order that two returns name is used up by the first. */
    SELECT
        facts.*,
        CASE
            WHEN NOT facts.closed_at IS NULL AND NOT facts.state IN ('cancelled', 'expired')
            THEN facts.credit
            ELSE 0
        END AS granted,
        CASE
            WHEN facts.match_class = 'unverifiable' OR facts.found_at IS NULL
            THEN 0
            WHEN facts.mode = 'native'
            THEN LEAST(COALESCE(facts.ordered_total, facts.due_total), facts.credit)
            WHEN facts.use_no > 1
            THEN 0
            ELSE GREATEST(LEAST(facts.due_total, facts.credit) + COALESCE(facts.total_difference, 0), 0)
        END AS used,
        facts.match_class = 'unverifiable' AS is_unverified
    FROM facts
), parents AS (
    /* The return whose new items are what this one sends back. */
    SELECT
        returns.return_id,
        facts.return_id AS parent_id
    FROM returns
    INNER JOIN facts
        ON facts.exchange_order_id = returns.provider_order_id AND facts.return_id <> returns.return_id
    UNION ALL
    SELECT
        return_lines.return_id,
        exchange_returns.return_id AS parent_id
    FROM return_lines
    INNER JOIN order_lines
        ON order_lines.line_id = return_lines.provider_line_item_id
    INNER JOIN exchange_returns
        ON exchange_returns.shopify_return_id = order_lines.shopify_return_id
        AND exchange_returns.return_id <> return_lines.return_id
), one_parent AS (
    SELECT
        parents.return_id,
        MIN(parents.parent_id) AS parent_id
    FROM parents
    GROUP BY
        parents.return_id
), up_1 AS (
    SELECT
        facts.return_id,
        COALESCE(one_parent.parent_id, facts.return_id) AS ancestor_id
    FROM facts
    LEFT JOIN one_parent
        ON one_parent.return_id = facts.return_id
), up_2 AS (
    SELECT
        up_1.return_id,
        further.ancestor_id
    FROM up_1
    INNER JOIN up_1 AS further
        ON further.return_id = up_1.ancestor_id
), up_4 AS (
    SELECT
        up_2.return_id,
        further.ancestor_id
    FROM up_2
    INNER JOIN up_2 AS further
        ON further.return_id = up_2.ancestor_id
), up_8 AS (
    SELECT
        up_4.return_id,
        further.ancestor_id
    FROM up_4
    INNER JOIN up_4 AS further
        ON further.return_id = up_4.ancestor_id
), chains AS (
    SELECT
        up_8.ancestor_id AS chain_id,
        moved.currency,
        COUNT(*) AS returns,
        SUM(moved.amount) AS amount,
        SUM(moved.granted) AS granted,
        SUM(moved.used) AS used,
        SUM(CASE WHEN moved.is_unverified THEN moved.granted ELSE 0 END) AS unverified,
        SUM(CASE WHEN moved.is_unverified THEN 0 ELSE moved.granted - moved.used END) AS balance,
        SUM(
            CASE
                WHEN NOT moved.is_unverified AND ABS(moved.granted - moved.used) > moved.tolerance
                THEN 1
                ELSE 0
            END
        ) AS open_returns,
        MIN(
            CASE
                WHEN NOT moved.is_unverified AND ABS(moved.granted - moved.used) > moved.tolerance
                THEN moved.closed_at
            END
        ) AS oldest_open_at,
        SUM(moved.tolerance) AS tolerance
    FROM up_8
    INNER JOIN moved
        ON moved.return_id = up_8.return_id
    GROUP BY
        up_8.ancestor_id,
        moved.currency
), beginnings AS (
    SELECT
        up_8.ancestor_id AS chain_id,
        CAST(DATE_TRUNC(
            'MONTH',
            COALESCE(MIN(LEAST(moved.closed_at, moved.found_at)), MIN(moved.created_at)) AT TIME ZONE 'UTC'
        ) AS DATE) AS month
    FROM up_8
    INNER JOIN moved
        ON moved.return_id = up_8.return_id
    GROUP BY
        up_8.ancestor_id
), months AS (
    SELECT
        chains.currency,
        beginnings.month,
        SUM(chains.returns) AS returns,
        COUNT(*) AS chains,
        MAX(chains.returns) AS longest_chain,
        SUM(chains.amount) AS amount,
        SUM(chains.granted) AS granted,
        SUM(chains.used) AS used,
        SUM(chains.unverified) AS unverified,
        SUM(chains.balance) AS balance,
        SUM(chains.open_returns) AS open_returns,
        MIN(chains.oldest_open_at) AS oldest_open_at,
        SUM(chains.tolerance) AS tolerance
    FROM chains
    INNER JOIN beginnings
        ON beginnings.chain_id = chains.chain_id
    GROUP BY
        chains.currency,
        beginnings.month
), granted_at_all AS (
    SELECT
        moved.currency,
        SUM(moved.granted) AS granted
    FROM moved
    GROUP BY
        moved.currency
), final AS (
    SELECT
        CAST(months.currency AS TEXT) AS currency,
        CAST(months.month AS DATE) AS month,
        CAST(CASE
            WHEN months.granted > 0 AND months.unverified = months.granted
            THEN 'unverifiable'
            WHEN ABS(months.balance) <= months.tolerance
            THEN 'settled'
            ELSE 'open'
        END AS TEXT) AS match_class,
        CAST(months.returns AS BIGINT) AS returns,
        CAST(months.chains AS BIGINT) AS chains,
        CAST(months.longest_chain AS BIGINT) AS longest_chain,
        CAST(months.amount AS DECIMAL(18, 4)) AS amount,
        CAST(months.granted AS DECIMAL(18, 4)) AS credit_granted,
        CAST(months.used AS DECIMAL(18, 4)) AS credit_used,
        CAST(months.unverified AS DECIMAL(18, 4)) AS credit_unverified,
        CAST(months.balance AS DECIMAL(18, 4)) AS open_balance,
        CAST(months.open_returns AS BIGINT) AS open_returns,
        CAST(months.oldest_open_at AS TIMESTAMPTZ) AS oldest_open_at,
        CAST(months.granted - months.used - months.unverified - months.balance + granted_at_all.granted - SUM(months.granted) OVER (PARTITION BY months.currency) AS DECIMAL(18, 4)) AS control,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM months
    INNER JOIN granted_at_all
        ON granted_at_all.currency = months.currency
)
SELECT
    *
FROM final
