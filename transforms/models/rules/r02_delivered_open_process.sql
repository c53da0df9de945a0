MODEL (
    name rules.r02_delivered_open_process,
    kind FULL,
    description 'One row per return that R02 would process: delivered for days, still open, every part of it due on delivery, small, and its amounts foot. Never a warranty, a return without a parcel, or one with a bad grade.',
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
        receipts.carrier_delivered_at,
        receipts.expected_units
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN broken
        ON broken.return_id = returns.return_id
    WHERE
        returns.state = 'open'
        AND returns.type = 'standard'
        AND NOT returns.refund IS NULL
        AND NOT returns.gift_card IS NULL
        AND NOT returns.exchange_credit_total IS NULL
        AND receipts.amount > 0
        AND broken.return_id IS NULL
        AND receipts.match_class <> 'not_comparable'
        AND receipts.bad_units = 0
        AND (
            receipts.received_units IS NULL OR NOT @receipts_is_physical
        )
        AND @business_days(receipts.carrier_delivered_at, CAST(@execution_ts AS TIMESTAMPTZ), returns.destination_id) > @rule_r02_min_business_days
        AND receipts.amount <= @limit_of(returns.currency, @rule_r02_max_amount)
        AND (
            returns.refund = 0 OR @policy_processing_event_refund = 'delivered'
        )
        AND (
            returns.gift_card = 0 OR @policy_processing_event_gift_card = 'delivered'
        )
        AND (
            (
                returns.exchange_credit_total = 0
                AND COALESCE(returns.exchange_total, 0) = 0
                AND COALESCE(returns.exchange_product_total, 0) = 0
                AND COALESCE(returns.upsell, 0) = 0
            )
            OR @policy_processing_event_exchange = 'delivered'
        )
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('delivered_open' AS TEXT) AS reason_code,
        CAST('delivered ' || CAST(CAST(picked.carrier_delivered_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) || ', still open, and due on delivery' AS TEXT) AS reason,
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
