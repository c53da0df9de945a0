MODEL (
    name marts.recon_identity_profile,
    kind FULL,
    description 'One row per outcome, identity and month: how often an identity holds, so that a merchant can decide to enforce it.',
    grain (outcome_derived, identity_id, month),
    column_descriptions (
        outcome_derived = 'What the amounts say the customer gets; none when all are zero',
        identity_id = 'Identity, C1 to G3',
        month = 'Month in which the returns were made, its first day, UTC',
        row_count = 'Returns judged',
        holding_count = 'Returns on which it holds within tolerance',
        holding_share = 'Share on which it holds',
        informative_count = 'Returns with a gift card, a fee, an upsell or shipping: only they tell the guesses apart',
        informative_holding_count = 'Of those, returns on which it holds',
        residual_p05 = '5th percentile of the residual; currencies are not mixed in amounts of one shop',
        residual_p50 = 'Median residual',
        residual_p95 = '95th percentile of the residual',
        suggestion = 'enforce, observe or too few: a suggestion; a person edits loop.toml',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (outcome_derived, identity_id, month)),
        unique_combination_of_columns(columns := (outcome_derived, identity_id, month))
    )
);

WITH money AS (
    SELECT
        *
    FROM marts.recon_money
), profiled AS (
    SELECT
        COALESCE(money.outcome_derived, 'none') AS outcome_derived,
        money.identity_id,
        CAST(DATE_TRUNC('MONTH', money.created_at AT TIME ZONE 'UTC') AS DATE) AS month,
        COUNT(*) AS row_count,
        SUM(CASE WHEN money.match_class = 'matched' THEN 1 ELSE 0 END) AS holding_count,
        SUM(CASE WHEN money.is_informative THEN 1 ELSE 0 END) AS informative_count,
        SUM(CASE WHEN money.is_informative AND money.match_class = 'matched' THEN 1 ELSE 0 END) AS informative_holding_count,
        @percentile(money.amount, 0.05) AS residual_p05,
        @percentile(money.amount, 0.5) AS residual_p50,
        @percentile(money.amount, 0.95) AS residual_p95
    FROM money
    WHERE
        NOT money.created_at IS NULL
    GROUP BY
        COALESCE(money.outcome_derived, 'none'),
        money.identity_id,
        CAST(DATE_TRUNC('MONTH', money.created_at AT TIME ZONE 'UTC') AS DATE)
), final AS (
    SELECT
        CAST(profiled.outcome_derived AS TEXT) AS outcome_derived,
        CAST(profiled.identity_id AS TEXT) AS identity_id,
        CAST(profiled.month AS DATE) AS month,
        CAST(profiled.row_count AS BIGINT) AS row_count,
        CAST(profiled.holding_count AS BIGINT) AS holding_count,
        CAST(profiled.holding_count * 1.0 / profiled.row_count AS DECIMAL(18, 4)) AS holding_share,
        CAST(profiled.informative_count AS BIGINT) AS informative_count,
        CAST(profiled.informative_holding_count AS BIGINT) AS informative_holding_count,
        CAST(profiled.residual_p05 AS DECIMAL(18, 4)) AS residual_p05,
        CAST(profiled.residual_p50 AS DECIMAL(18, 4)) AS residual_p50,
        CAST(profiled.residual_p95 AS DECIMAL(18, 4)) AS residual_p95,
        CAST(CASE
            WHEN profiled.informative_count >= 50 AND profiled.holding_count >= 0.99 * profiled.row_count
            THEN 'enforce'
            WHEN profiled.informative_count >= 50
            THEN 'observe'
            ELSE 'too few'
        END AS TEXT) AS suggestion,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM profiled
)
SELECT
    *
FROM final
