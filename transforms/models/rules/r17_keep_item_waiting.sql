MODEL (
    name rules.r17_keep_item_waiting,
    kind FULL,
    description 'One row per return that R17 would process: the customer keeps the item, nothing is to come, it waits open, is small, and its amounts foot. Never a warranty.',
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
), money AS (
    SELECT
        *
    FROM marts.recon_money
), broken AS (
    SELECT
        money.return_id
    FROM money
    WHERE
        money.match_class = 'amount_break'
    GROUP BY
        money.return_id
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        returns.created_at,
        returns.method_type
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN broken
        ON broken.return_id = returns.return_id
    WHERE
        returns.state = 'open'
        AND returns.method_type = 'keep_item'
        AND returns.type = 'standard'
        AND NOT returns.refund IS NULL
        AND NOT returns.gift_card IS NULL
        AND NOT returns.exchange_credit_total IS NULL
        AND receipts.amount > 0
        AND broken.return_id IS NULL
        AND receipts.bad_units = 0
        AND receipts.amount <= @limit_of(returns.currency, @rule_r17_max_amount)
        AND GREATEST(returns.created_at, COALESCE(returns.edited_at, returns.created_at)) <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r17_min_days * INTERVAL '1' DAY
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('keep_item_waiting' AS TEXT) AS reason_code,
        CAST('the customer keeps the item; open since ' || CAST(CAST(picked.created_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('method_type', picked.method_type, 'created_at', @utc_text(picked.created_at)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
