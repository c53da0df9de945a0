MODEL (
    name rules.r18_over_refund,
    kind FULL,
    description 'One row per return that R18 hands to finance: more went back on its order than it cost.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'What went back beyond what the order cost',
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
        -refunds.difference AS amount,
        refunds.order_id,
        refunds.paid
    FROM returns
    INNER JOIN refunds
        ON refunds.return_id = returns.return_id
    WHERE
        refunds.match_class = 'over_refund'
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('over_refund' AS TEXT) AS reason_code,
        CAST('more went back on order ' || picked.order_id || ' than it cost' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('order_id', picked.order_id, 'excess', CAST(picked.amount AS TEXT)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
