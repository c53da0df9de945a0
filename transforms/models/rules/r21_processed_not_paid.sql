MODEL (
    name rules.r21_processed_not_paid,
    kind FULL,
    description 'One row per return that R21 hands to finance: processed by an action, confirmed by a later read, and Shopify has refunded nothing.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'Cash that is due',
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
), outcomes AS (
    SELECT
        *
    FROM marts.action_outcome
), refunds AS (
    SELECT
        *
    FROM marts.recon_refund
), processed AS (
    SELECT
        outcomes.return_id,
        MAX(outcomes.changed_at) AS confirmed_at
    FROM outcomes
    WHERE
        outcomes.match_class = 'processed_not_paid'
        AND outcomes.changed_at <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r21_min_hours * INTERVAL '1' HOUR
    GROUP BY
        outcomes.return_id
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        refunds.due AS amount,
        refunds.order_id,
        processed.confirmed_at
    FROM returns
    INNER JOIN processed
        ON processed.return_id = returns.return_id
    INNER JOIN refunds
        ON refunds.entity = 'return:' || returns.return_id
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('processed_not_paid' AS TEXT) AS reason_code,
        CAST('processed on ' || CAST(CAST(picked.confirmed_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) || ', not refunded in Shopify' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence(
            'order_id',
            picked.order_id,
            'due',
            CAST(picked.amount AS TEXT),
            'confirmed_at',
            @utc_text(picked.confirmed_at)
        ) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
