MODEL (
    name marts.fin_liability_expected,
    kind FULL,
    description 'One row per currency, component, stage and age of the returns that are live now: what is promised, and which part of it is to be expected, by what became of earlier returns of that stage and age.',
    grain (currency, component, stage, age_bucket),
    column_descriptions (
        currency = 'Shop currency, ISO 4217; XXX when there is none',
        component = 'cash, store_credit or exchange',
        stage = 'no_label, label_only, in_transit, delivered, failed or unknown',
        age_bucket = 'Days since the return was made',
        match_class = 'estimated; too_few when fewer than 30 earlier returns of that stage and age have ended',
        open_returns = 'Returns that are live now',
        amount = 'What they promise',
        ended_returns = 'Earlier returns that were in that stage at that age, and have ended, of any currency',
        processed_returns = 'Those of them that were closed: paid, in the words of Loop',
        processed_share = 'Their share; null when there are too few',
        share_low = 'Lower end of its 95 % interval (Wilson)',
        share_high = 'Upper end of it',
        expected_amount = 'Amount times share; null when there are too few',
        expected_low = 'Amount times the lower end; 0 when there are too few',
        expected_high = 'Amount times the upper end; the whole amount when there are too few',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (currency, component, stage, age_bucket, amount)),
        unique_combination_of_columns(columns := (currency, component, stage, age_bucket))
    )
);

WITH versions AS (
    SELECT
        *
    FROM marts.return_versions
), buckets AS (
    SELECT
        '0-7' AS age_bucket,
        0 AS first_day,
        8 AS end_day
    UNION ALL
    SELECT
        '8-14' AS age_bucket,
        8 AS first_day,
        15 AS end_day
    UNION ALL
    SELECT
        '15-28' AS age_bucket,
        15 AS first_day,
        29 AS end_day
    UNION ALL
    SELECT
        '29-45' AS age_bucket,
        29 AS first_day,
        46 AS end_day
    UNION ALL
    SELECT
        '46-90' AS age_bucket,
        46 AS first_day,
        91 AS end_day
    UNION ALL
    SELECT
        '91+' AS age_bucket,
        91 AS first_day,
        1000000 AS end_day
), aged AS (
    SELECT
        versions.*,
        @seconds_between(versions.created_at, versions.valid_from) / 86400 AS age_from,
        @seconds_between(versions.created_at, COALESCE(versions.valid_to, versions.as_of)) / 86400 AS age_to
    FROM versions
), endings AS (
    SELECT
        versions.return_id,
        CASE WHEN versions.state = 'closed' THEN 1 ELSE 0 END AS is_processed
    FROM versions
    WHERE
        versions.valid_to IS NULL AND NOT versions.is_live
), lived AS (
    SELECT
        aged.return_id,
        aged.stage,
        buckets.age_bucket
    FROM aged
    INNER JOIN buckets
        ON buckets.first_day <= aged.age_to AND buckets.end_day > aged.age_from
    WHERE
        aged.is_live AND NOT aged.is_assumed
    GROUP BY
        aged.return_id,
        aged.stage,
        buckets.age_bucket
), shares AS (
    SELECT
        lived.stage,
        lived.age_bucket,
        COUNT(*) AS ended_returns,
        SUM(endings.is_processed) AS processed_returns
    FROM lived
    INNER JOIN endings
        ON endings.return_id = lived.return_id
    GROUP BY
        lived.stage,
        lived.age_bucket
), open_parts AS (
    SELECT
        aged.return_id,
        aged.currency,
        aged.stage,
        FLOOR(GREATEST(aged.age_to, 0)) AS age_days,
        'cash' AS component,
        COALESCE(aged.cash, 0) AS amount
    FROM aged
    WHERE
        aged.valid_to IS NULL AND aged.is_live
    UNION ALL
    SELECT
        aged.return_id,
        aged.currency,
        aged.stage,
        FLOOR(GREATEST(aged.age_to, 0)) AS age_days,
        'store_credit' AS component,
        COALESCE(aged.store_credit, 0) AS amount
    FROM aged
    WHERE
        aged.valid_to IS NULL AND aged.is_live
    UNION ALL
    SELECT
        aged.return_id,
        aged.currency,
        aged.stage,
        FLOOR(GREATEST(aged.age_to, 0)) AS age_days,
        'exchange' AS component,
        COALESCE(aged.exchange, 0) AS amount
    FROM aged
    WHERE
        aged.valid_to IS NULL AND aged.is_live
), open_now AS (
    SELECT
        open_parts.currency,
        open_parts.component,
        COALESCE(open_parts.stage, 'unknown') AS stage,
        COALESCE(buckets.age_bucket, 'unknown') AS age_bucket,
        COUNT(*) AS open_returns,
        SUM(open_parts.amount) AS amount
    FROM open_parts
    LEFT JOIN buckets
        ON open_parts.age_days >= buckets.first_day AND open_parts.age_days < buckets.end_day
    GROUP BY
        open_parts.currency,
        open_parts.component,
        COALESCE(open_parts.stage, 'unknown'),
        COALESCE(buckets.age_bucket, 'unknown')
), judged AS (
    SELECT
        open_now.*,
        COALESCE(shares.ended_returns, 0) AS ended_returns,
        COALESCE(shares.processed_returns, 0) AS processed_returns,
        COALESCE(shares.ended_returns, 0) >= 30 AS is_enough,
        shares.processed_returns / NULLIF(CAST(shares.ended_returns AS DOUBLE), 0) AS processed_share,
        @wilson_low(shares.processed_returns, shares.ended_returns) AS share_low,
        @wilson_high(shares.processed_returns, shares.ended_returns) AS share_high
    FROM open_now
    LEFT JOIN shares
        ON shares.stage = open_now.stage AND shares.age_bucket = open_now.age_bucket
), final AS (
    SELECT
        CAST(judged.currency AS TEXT) AS currency,
        CAST(judged.component AS TEXT) AS component,
        CAST(judged.stage AS TEXT) AS stage,
        CAST(judged.age_bucket AS TEXT) AS age_bucket,
        CAST(CASE WHEN judged.is_enough THEN 'estimated' ELSE 'too_few' END AS TEXT) AS match_class,
        CAST(judged.open_returns AS BIGINT) AS open_returns,
        CAST(judged.amount AS DECIMAL(18, 4)) AS amount,
        CAST(judged.ended_returns AS BIGINT) AS ended_returns,
        CAST(judged.processed_returns AS BIGINT) AS processed_returns,
        CAST(CASE WHEN judged.is_enough THEN judged.processed_share END AS DECIMAL(9, 6)) AS processed_share,
        CAST(CASE WHEN judged.is_enough THEN judged.share_low END AS DECIMAL(9, 6)) AS share_low,
        CAST(CASE WHEN judged.is_enough THEN judged.share_high END AS DECIMAL(9, 6)) AS share_high,
        CAST(CASE WHEN judged.is_enough THEN judged.amount * CAST(judged.processed_share AS DECIMAL(9, 6)) END AS DECIMAL(18, 4)) AS expected_amount,
        CAST(CASE WHEN judged.is_enough THEN judged.amount * CAST(judged.share_low AS DECIMAL(9, 6)) ELSE 0 END AS DECIMAL(18, 4)) AS expected_low,
        CAST(CASE
            WHEN judged.is_enough
            THEN judged.amount * CAST(judged.share_high AS DECIMAL(9, 6))
            ELSE judged.amount
        END AS DECIMAL(18, 4)) AS expected_high,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM judged
)
SELECT
    *
FROM final
