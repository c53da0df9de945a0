MODEL (
    name marts.return_versions,
    kind FULL,
    description 'One row per version of a return and the span in which it held: what was promised, and how far the goods were, on any day. The compact form of a row per return and day.',
    grain (return_id, version_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        version_no = 'Place of the version, from 1',
        state = 'State of the return; open where it was first seen ended, since it must have been open before',
        is_live = 'True while something may still be owed: open or review',
        is_assumed = 'True for the span before a return was first seen, when it was seen ended: its amounts are those seen then',
        currency = 'Shop currency, ISO 4217; XXX when there is none',
        stage = 'no_label, label_only, in_transit, delivered, failed, or unknown when Loop''s status is; null when assumed',
        cash = 'Cash promised; null when Loop says no amount',
        store_credit = 'Gift card promised; null when Loop says no amount',
        exchange = 'Exchange value promised; null when Loop says no amount',
        created_at = 'When the return was made, UTC',
        valid_from = 'From when on it held, UTC: the making of the return, then Loop''s last change',
        valid_to = 'Up to when, UTC, exclusive; null: it holds now',
        seen_at = 'When it was first seen, UTC; null when assumed',
        source = 'What showed it: list, asn or webhook; null when assumed',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (return_id, version_no, is_live, currency, valid_from)),
        unique_combination_of_columns(columns := (return_id, version_no)),
        versions_join_up()
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), history AS (
    SELECT
        *
    FROM staging.stg_return_history
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), label_statuses AS (
    SELECT
        *
    FROM staging.seed_label_statuses
), ranked AS (
    SELECT
        history.*,
        COALESCE(history.updated_at, history.observed_at) AS changed_at,
        ROW_NUMBER() OVER (
            PARTITION BY history.return_id
            ORDER BY COALESCE(history.updated_at, history.observed_at) DESC, history.observed_at DESC, history.version_key DESC
        ) AS from_last
    FROM history
), observed AS (
    SELECT
        ranked.return_id,
        ranked.state,
        ranked.currency,
        ranked.label_status,
        ranked.refund,
        ranked.gift_card,
        ranked.exchange_credit_total,
        ranked.changed_at,
        ranked.observed_at,
        ranked.source,
        ranked.from_last
    FROM ranked
    INNER JOIN returns
        ON returns.return_id = ranked.return_id
    WHERE
        ranked.from_last > 1
    UNION ALL
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.label_status,
        returns.refund,
        returns.gift_card,
        returns.exchange_credit_total,
        GREATEST(ranked.changed_at, returns.updated_at) AS changed_at,
        COALESCE(ranked.observed_at, returns.fetched_at) AS observed_at,
        COALESCE(ranked.source, 'list') AS source,
        1 AS from_last
    FROM returns
    LEFT JOIN ranked
        ON ranked.return_id = returns.return_id AND ranked.from_last = 1
), clocked AS (
    SELECT
        observed.*,
        returns.created_at,
        COALESCE(return_states.is_live, FALSE) AS is_live,
        LEAST(
            GREATEST(returns.created_at, observed.changed_at, observed.observed_at - INTERVAL '100' YEAR),
            CAST(@execution_ts AS TIMESTAMPTZ)
        ) AS changed_from,
        ROW_NUMBER() OVER (PARTITION BY observed.return_id ORDER BY observed.from_last DESC) AS place
    FROM observed
    INNER JOIN returns
        ON returns.return_id = observed.return_id
    LEFT JOIN return_states
        ON return_states.state = observed.state
), spans AS (
    SELECT
        clocked.return_id,
        clocked.place,
        clocked.state,
        clocked.is_live,
        FALSE AS is_assumed,
        clocked.currency,
        CASE
            WHEN clocked.label_status IS NULL OR label_statuses.stage = 0
            THEN 'no_label'
            WHEN label_statuses.stage IN (1, 2)
            THEN 'label_only'
            WHEN label_statuses.stage IN (3, 4)
            THEN 'in_transit'
            WHEN label_statuses.stage = 5
            THEN 'delivered'
            WHEN label_statuses.stage = 6
            THEN 'failed'
            ELSE 'unknown'
        END AS stage,
        clocked.refund,
        clocked.gift_card,
        clocked.exchange_credit_total,
        clocked.created_at,
        CASE
            WHEN clocked.place = 1 AND clocked.is_live
            THEN LEAST(COALESCE(clocked.created_at, clocked.changed_from), CAST(@execution_ts AS TIMESTAMPTZ))
            ELSE clocked.changed_from
        END AS valid_from,
        clocked.observed_at,
        clocked.source
    FROM clocked
    LEFT JOIN label_statuses
        ON label_statuses.label_status = clocked.label_status
    UNION ALL
    SELECT
        clocked.return_id,
        0 AS place,
        'open' AS state,
        TRUE AS is_live,
        TRUE AS is_assumed,
        clocked.currency,
        CAST(NULL AS TEXT) AS stage,
        clocked.refund,
        clocked.gift_card,
        clocked.exchange_credit_total,
        clocked.created_at,
        LEAST(COALESCE(clocked.created_at, clocked.changed_from), CAST(@execution_ts AS TIMESTAMPTZ)) AS valid_from,
        CAST(NULL AS TIMESTAMPTZ) AS observed_at,
        CAST(NULL AS TEXT) AS source
    FROM clocked
    WHERE
        clocked.place = 1 AND NOT clocked.is_live
), final AS (
    SELECT
        CAST(spans.return_id AS TEXT) AS return_id,
        CAST(ROW_NUMBER() OVER (PARTITION BY spans.return_id ORDER BY spans.place) AS BIGINT) AS version_no,
        CAST(spans.state AS TEXT) AS state,
        CAST(spans.is_live AS BOOLEAN) AS is_live,
        CAST(spans.is_assumed AS BOOLEAN) AS is_assumed,
        CAST(COALESCE(spans.currency, 'XXX') AS TEXT) AS currency,
        CAST(spans.stage AS TEXT) AS stage,
        CAST(spans.refund AS DECIMAL(18, 4)) AS cash,
        CAST(spans.gift_card AS DECIMAL(18, 4)) AS store_credit,
        CAST(spans.exchange_credit_total AS DECIMAL(18, 4)) AS exchange,
        CAST(spans.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(spans.valid_from AS TIMESTAMPTZ) AS valid_from,
        CAST(LEAD(spans.valid_from) OVER (PARTITION BY spans.return_id ORDER BY spans.place) AS TIMESTAMPTZ) AS valid_to,
        CAST(spans.observed_at AS TIMESTAMPTZ) AS seen_at,
        CAST(spans.source AS TEXT) AS source,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM spans
)
SELECT
    *
FROM final
