MODEL (
    name rules.r11_dead_return_received,
    kind FULL,
    description 'One row per return that R11 hands to customer care: the goods are here, and the return is cancelled or expired.',
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
        receipts.received_units,
        receipts.missing_units,
        receipts.first_received_at,
        receipts.last_received_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    WHERE
        receipts.match_class = 'received_on_dead_return'
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('dead_return_received' AS TEXT) AS reason_code,
        CAST(CAST(picked.received_units AS TEXT) || ' units here since ' || CAST(CAST(picked.first_received_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) || ', the return is ' || picked.state AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('received_units', picked.received_units, 'first_received_at', @utc_text(picked.first_received_at)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
