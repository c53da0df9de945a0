MODEL (
    name marts.recon_coverage,
    kind FULL,
    description 'One row per endpoint, pass and day: was that day read completely? Holes are rows too.',
    grain (endpoint, pass, day),
    column_descriptions (
        endpoint = 'returns or advanced_shipping_notices',
        pass = 'default (open, closed, expired), cancelled or review; all for the shipping notices',
        day = 'Day, UTC, of the date that the windows are about: updated_at in the list, created_at in the notices',
        return_id = 'Always null: a day belongs to no return',
        match_class = 'covered, partial or hole',
        severity = '4 unless covered; null when covered',
        amount = 'Always null: what was not read has no known amount',
        currency = 'Always null',
        planned_windows = 'Windows that touch the day and were not finished',
        complete_windows = 'Windows that touch the day and were read to their end',
        row_count = 'Rows in staging that belong to the day',
        covered_share = 'Share of the day, as far as it was asked for at all, inside finished windows',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (endpoint, pass, day)),
        unique_combination_of_columns(columns := (endpoint, pass, day)),
        accepted_values("column" := match_class, is_in := ('covered', 'partial', 'hole'))
    )
);

WITH pull_windows AS (
    SELECT
        *
    FROM staging.stg_pull_windows
), pull_passes AS (
    SELECT
        *
    FROM staging.seed_pull_passes
), returns AS (
    SELECT
        *
    FROM staging.stg_returns
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), shipping_notices AS (
    SELECT
        *
    FROM staging.stg_shipping_notices
), spans AS (
    SELECT
        pull_windows.endpoint,
        MIN(pull_windows.window_from) AS first_instant,
        MAX(pull_windows.window_to) AS end_instant
    FROM pull_windows
    GROUP BY
        pull_windows.endpoint
), digits AS (
    SELECT
        0 AS digit
    UNION ALL
    SELECT
        1
    UNION ALL
    SELECT
        2
    UNION ALL
    SELECT
        3
    UNION ALL
    SELECT
        4
    UNION ALL
    SELECT
        5
    UNION ALL
    SELECT
        6
    UNION ALL
    SELECT
        7
    UNION ALL
    SELECT
        8
    UNION ALL
    SELECT
        9
), numbers AS (
    SELECT
        ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit AS number
    FROM digits AS ones
    CROSS JOIN digits AS tens
    CROSS JOIN digits AS hundreds
    CROSS JOIN digits AS thousands
), days AS (
    SELECT
        spans.endpoint,
        pull_passes.pass,
        GREATEST(
            spans.first_instant,
            CAST(CAST(CAST(spans.first_instant AT TIME ZONE 'UTC' AS DATE) + numbers.number AS TIMESTAMP) AT TIME ZONE 'UTC' AS TIMESTAMPTZ)
        ) AS day_from,
        LEAST(
            spans.end_instant,
            CAST(CAST(CAST(spans.first_instant AT TIME ZONE 'UTC' AS DATE) + numbers.number + 1 AS TIMESTAMP) AT TIME ZONE 'UTC' AS TIMESTAMPTZ)
        ) AS day_to,
        CAST(spans.first_instant AT TIME ZONE 'UTC' AS DATE) + numbers.number AS day
    FROM spans
    INNER JOIN pull_passes
        ON pull_passes.endpoint = spans.endpoint
    INNER JOIN numbers
        ON CAST(CAST(CAST(spans.first_instant AT TIME ZONE 'UTC' AS DATE) + numbers.number AS TIMESTAMP) AT TIME ZONE 'UTC' AS TIMESTAMPTZ) < spans.end_instant
), finished AS (
    SELECT
        pull_windows.endpoint,
        pull_windows.pass,
        pull_windows.window_from,
        pull_windows.window_to,
        MAX(pull_windows.window_to) OVER (
            PARTITION BY pull_windows.endpoint, pull_windows.pass
            ORDER BY pull_windows.window_from, pull_windows.window_to
            rows BETWEEN UNBOUNDED preceding AND 1 preceding
        ) AS end_before
    FROM pull_windows
    WHERE
        pull_windows.is_complete
), fresh_spans AS (
    SELECT
        finished.endpoint,
        finished.pass,
        GREATEST(finished.window_from, COALESCE(finished.end_before, finished.window_from)) AS span_from,
        finished.window_to AS span_to
    FROM finished
    WHERE
        finished.end_before IS NULL OR finished.window_to > finished.end_before
), covered AS (
    SELECT
        days.endpoint,
        days.pass,
        days.day,
        SUM(
            @seconds_between(GREATEST(days.day_from, fresh_spans.span_from), LEAST(days.day_to, fresh_spans.span_to))
        ) AS seconds
    FROM days
    INNER JOIN fresh_spans
        ON fresh_spans.endpoint = days.endpoint
        AND fresh_spans.pass = days.pass
        AND fresh_spans.span_from < days.day_to
        AND fresh_spans.span_to > days.day_from
    GROUP BY
        days.endpoint,
        days.pass,
        days.day
), touching AS (
    SELECT
        days.endpoint,
        days.pass,
        days.day,
        SUM(CASE WHEN pull_windows.is_complete THEN 1 ELSE 0 END) AS complete_windows,
        SUM(CASE WHEN pull_windows.is_complete THEN 0 ELSE 1 END) AS planned_windows
    FROM days
    INNER JOIN pull_windows
        ON pull_windows.endpoint = days.endpoint
        AND pull_windows.pass = days.pass
        AND pull_windows.window_from < days.day_to
        AND pull_windows.window_to > days.day_from
    GROUP BY
        days.endpoint,
        days.pass,
        days.day
), dated AS (
    SELECT
        'returns' AS endpoint,
        COALESCE(return_states.pass, 'default') AS pass,
        CAST(returns.updated_at AT TIME ZONE 'UTC' AS DATE) AS day,
        COUNT(*) AS row_count
    FROM returns
    LEFT JOIN return_states
        ON return_states.state = returns.state
    GROUP BY
        COALESCE(return_states.pass, 'default'),
        CAST(returns.updated_at AT TIME ZONE 'UTC' AS DATE)
    UNION ALL
    SELECT
        'advanced_shipping_notices' AS endpoint,
        'all' AS pass,
        CAST(shipping_notices.created_at AT TIME ZONE 'UTC' AS DATE) AS day,
        COUNT(*) AS row_count
    FROM shipping_notices
    GROUP BY
        CAST(shipping_notices.created_at AT TIME ZONE 'UTC' AS DATE)
), measured AS (
    SELECT
        days.endpoint,
        days.pass,
        days.day,
        COALESCE(touching.planned_windows, 0) AS planned_windows,
        COALESCE(touching.complete_windows, 0) AS complete_windows,
        COALESCE(dated.row_count, 0) AS row_count,
        COALESCE(covered.seconds, 0) / @seconds_between(days.day_from, days.day_to) AS covered_share
    FROM days
    LEFT JOIN covered
        ON covered.endpoint = days.endpoint AND covered.pass = days.pass AND covered.day = days.day
    LEFT JOIN touching
        ON touching.endpoint = days.endpoint AND touching.pass = days.pass AND touching.day = days.day
    LEFT JOIN dated
        ON dated.endpoint = days.endpoint AND dated.pass = days.pass AND dated.day = days.day
), final AS (
    SELECT
        CAST(measured.endpoint AS TEXT) AS endpoint,
        CAST(measured.pass AS TEXT) AS pass,
        CAST(measured.day AS DATE) AS day,
        CAST(NULL AS TEXT) AS return_id,
        CAST(CASE
            WHEN measured.covered_share >= 1
            THEN 'covered'
            WHEN measured.covered_share > 0
            THEN 'partial'
            ELSE 'hole'
        END AS TEXT) AS match_class,
        CAST(CASE WHEN measured.covered_share < 1 THEN 4 END AS INT) AS severity,
        CAST(NULL AS DECIMAL(18, 4)) AS amount,
        CAST(NULL AS TEXT) AS currency,
        CAST(measured.planned_windows AS BIGINT) AS planned_windows,
        CAST(measured.complete_windows AS BIGINT) AS complete_windows,
        CAST(measured.row_count AS BIGINT) AS row_count,
        CAST(measured.covered_share AS DECIMAL(18, 4)) AS covered_share,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM measured
)
SELECT
    *
FROM final
