MODEL (
    name rules.r20_paid_early,
    kind FULL,
    description 'One row per return that R20 would flag, so that it is not paid twice: open at Loop, and Shopify has refunded it.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'What Shopify has refunded',
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
), refunds AS (
    SELECT
        *
    FROM marts.recon_refund
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        refunds.paid AS amount,
        refunds.order_id,
        refunds.paid_at,
        refunds.level
    FROM returns
    INNER JOIN refunds
        ON refunds.return_id = returns.return_id
    WHERE
        refunds.match_class = 'paid_early'
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('paid_early' AS TEXT) AS reason_code,
        CAST('refunded in Shopify on ' || CAST(CAST(picked.paid_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) || ', still open at Loop' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence(
            'order_id',
            picked.order_id,
            'paid',
            CAST(picked.amount AS TEXT),
            'paid_at',
            @utc_text(picked.paid_at),
            'matched_at_level',
            picked.level
        ) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
