MODEL (
    name rules.r05_delivered_not_received,
    kind FULL,
    description 'One row per return that R05 would flag: delivered days ago, and the warehouse counted nothing.',
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
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        receipts.expected_units,
        receipts.carrier_delivered_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    WHERE
        returns.state = 'open'
        AND receipts.match_class = 'delivered_not_received'
        AND @business_days(receipts.carrier_delivered_at, CAST(@execution_ts AS TIMESTAMPTZ), returns.destination_id) > @rule_r05_min_business_days
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('delivered_not_received' AS TEXT) AS reason_code,
        CAST('delivered ' || CAST(CAST(picked.carrier_delivered_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) || ', none of ' || CAST(picked.expected_units AS TEXT) || ' units counted' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('delivered_at', @utc_text(picked.carrier_delivered_at), 'units', picked.expected_units) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
