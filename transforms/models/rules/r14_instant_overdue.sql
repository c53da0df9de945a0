MODEL (
    name rules.r14_instant_overdue,
    kind FULL,
    description 'One row per return that R14 hands to finance: its exchange went out at once, the parcel never came, and nothing was charged.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'Value of the new items that went out',
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
), upsells AS (
    SELECT
        *
    FROM marts.recon_upsell
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        returns.label_status,
        upsells.difference AS amount,
        upsells.executed_at
    FROM returns
    INNER JOIN upsells
        ON upsells.return_id = returns.return_id
    WHERE
        upsells.match_class = 'instant_not_charged'
        AND upsells.executed_at <= CAST(@execution_ts AS TIMESTAMPTZ) - (
            @policy_instant_window_days + @rule_r14_grace_days
        ) * INTERVAL '1' DAY
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('instant_overdue' AS TEXT) AS reason_code,
        CAST('new items sent ' || CAST(CAST(picked.executed_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) || ', the parcel was never scanned, and nothing was charged' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('executed_at', @utc_text(picked.executed_at), 'label_status', picked.label_status) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
