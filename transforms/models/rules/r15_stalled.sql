MODEL (
    name rules.r15_stalled,
    kind FULL,
    description 'One row per return that R15 lists for customer care: live, in transit, and no scan for days.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'What the customer gets: cash, gift card and exchange credit',
        currency = 'Shop currency, ISO 4217',
        score = 'How sure the rule is, 0 to 1',
        evidence = 'Facts that the rule stands on, as a JSON object; no ages',
        expect_state = 'State of the return that the rule saw',
        expect_updated_at = 'Last change of the return that the rule saw, UTC'
    ),
    audits (
        not_null(columns := (return_id, reason, evidence, expect_state))
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), label_statuses AS (
    SELECT
        *
    FROM staging.seed_label_statuses
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        returns.label_status,
        receipts.label_updated_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN return_states
        ON return_states.state = returns.state
    INNER JOIN label_statuses
        ON label_statuses.label_status = returns.label_status
    WHERE
        return_states.is_live
        AND label_statuses.stage IN (3, 4)
        AND receipts.match_class <> 'not_comparable'
        AND receipts.carrier_delivered_at IS NULL
        AND receipts.label_updated_at <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r15_min_days * INTERVAL '1' DAY
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('stalled' AS TEXT) AS reason_code,
        CAST('in transit, last scan ' || CAST(CAST(picked.label_updated_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('label_status', picked.label_status, 'label_updated_at', @utc_text(picked.label_updated_at)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
