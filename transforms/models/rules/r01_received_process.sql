MODEL (
    name rules.r01_received_process,
    kind FULL,
    description 'One row per return that R01 would process: every unit was counted, none is bad, and the return is still open.',
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
        returns.state = 'open'
        AND returns.type = 'standard'
        AND NOT returns.refund IS NULL
        AND NOT returns.gift_card IS NULL
        AND NOT returns.exchange_credit_total IS NULL
        AND receipts.match_class IN ('received_not_processed', 'pending')
        AND receipts.received_units > 0
        AND receipts.received_units = receipts.expected_units
        AND receipts.missing_units = 0
        AND receipts.bad_units = 0
        AND receipts.last_received_at <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r01_settle_hours * INTERVAL '1' HOUR
        AND receipts.amount > 0
        AND receipts.amount <= @limit_of(returns.currency, @rule_r01_max_amount)
        AND NOT EXISTS(
            SELECT
                1
            FROM marts.recon_money AS money
            WHERE
                money.return_id = returns.return_id AND money.match_class = 'amount_break'
        )
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('received_in_full' AS TEXT) AS reason_code,
        CAST(CAST(picked.received_units AS TEXT) || ' of ' || CAST(picked.expected_units AS TEXT) || ' units counted, the last ' || CAST(CAST(picked.last_received_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence(
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
