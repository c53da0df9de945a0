MODEL (
    name rules.r03_short_receipt,
    kind FULL,
    description 'One row per return that R03 would flag: all parcels are in, and units are missing.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'Value of the return, shared evenly over its units, of the missing ones',
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
        CAST(receipts.amount * receipts.missing_units / receipts.expected_units AS DECIMAL(18, 4)) AS amount,
        receipts.expected_units,
        receipts.received_units,
        receipts.missing_units,
        receipts.last_received_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    WHERE
        returns.state = 'open'
        AND receipts.match_class = 'short_receipt'
        AND receipts.amount * receipts.missing_units / receipts.expected_units >= @limit_of(returns.currency, @rule_r03_min_amount)
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('short_receipt' AS TEXT) AS reason_code,
        CAST(CAST(picked.missing_units AS TEXT) || ' of ' || CAST(picked.expected_units AS TEXT) || ' units missing, counted ' || CAST(CAST(picked.last_received_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence(
            'missing_units',
            picked.missing_units,
            'received_units',
            picked.received_units,
            'expected_units',
            picked.expected_units,
            'last_received_at',
            @utc_text(picked.last_received_at)
        ) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
