MODEL (
    name rules.r19_erp_received,
    kind FULL,
    description 'One row per return that R19 would process: the ERP has the item receipt of all its units, nothing speaks against it, and it is still open.',
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
), erp AS (
    SELECT
        *
    FROM marts.recon_erp
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        erp.item_receipts,
        erp.erp_received_units,
        erp.expected_units,
        erp.erp_received_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN erp
        ON erp.return_id = returns.return_id
    WHERE
        returns.state = 'open'
        AND returns.type = 'standard'
        AND NOT returns.refund IS NULL
        AND NOT returns.gift_card IS NULL
        AND NOT returns.exchange_credit_total IS NULL
        AND erp.item_receipts > 0
        AND erp.erp_received_units = erp.expected_units
        AND erp.erp_received_at <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r19_settle_hours * INTERVAL '1' HOUR
        AND NOT receipts.match_class IN ('bad_grade', 'unexpected_item', 'over_receipt', 'short_receipt', 'not_comparable')
        AND receipts.bad_units = 0
        AND NOT COALESCE(receipts.received_units > 0 AND receipts.missing_units > 0, FALSE)
        AND receipts.amount > 0
        AND receipts.amount <= @limit_of(returns.currency, @rule_r19_max_amount)
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
        CAST('erp_received' AS TEXT) AS reason_code,
        CAST(CAST(picked.erp_received_units AS TEXT) || ' of ' || CAST(picked.expected_units AS TEXT) || ' units received in the ERP, the last ' || CAST(CAST(picked.erp_received_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence(
            'item_receipts',
            picked.item_receipts,
            'received_units',
            picked.erp_received_units,
            'expected_units',
            picked.expected_units,
            'received_at',
            @utc_text(picked.erp_received_at)
        ) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
