MODEL (
    name rules.r16_review_waiting,
    kind FULL,
    description 'One row per return that R16 lists for customer care: in review for days, which stops its outcomes (out of stock, no funds).',
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
), history AS (
    SELECT
        *
    FROM staging.stg_return_history
), before_review AS (
    SELECT
        history.return_id,
        MAX(history.updated_at) AS updated_at
    FROM history
    WHERE
        COALESCE(history.state, '') <> 'review'
    GROUP BY
        history.return_id
), entered AS (
    SELECT
        history.return_id,
        MIN(history.updated_at) AS entered_at
    FROM history
    LEFT JOIN before_review
        ON before_review.return_id = history.return_id
    WHERE
        before_review.updated_at IS NULL OR history.updated_at > before_review.updated_at
    GROUP BY
        history.return_id
), waiting AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        COALESCE(entered.entered_at, returns.updated_at) AS entered_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN entered
        ON entered.return_id = returns.return_id
    WHERE
        returns.state = 'review'
), picked AS (
    SELECT
        waiting.*
    FROM waiting
    WHERE
        waiting.entered_at <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r16_min_days * INTERVAL '1' DAY
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('review_waiting' AS TEXT) AS reason_code,
        CAST('in review since ' || CAST(CAST(picked.entered_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('entered_at', @utc_text(picked.entered_at)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
