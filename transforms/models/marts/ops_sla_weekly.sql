MODEL (
    name marts.ops_sla_weekly,
    kind FULL,
    description 'One row per week, outcome, carrier and warehouse: how long returns take, over those alone whose instants are exact.',
    grain (week, outcome, carrier, destination_id),
    column_descriptions (
        week = 'Monday of the week in which the return was made, UTC',
        outcome = 'What the amounts say the customer gets; none when all are zero',
        carrier = 'Carrier of the label; none when there is none',
        destination_id = 'Loop''s id of the warehouse; none when Loop does not say',
        returns = 'Returns that were made',
        not_comparable_returns = 'Cancelled, expired, or without a parcel',
        closed_returns = 'Of the others, those that are closed',
        exact_returns = 'Of those, the ones whose closing is exact',
        exact_share = 'Their share; null when none is closed',
        censored_returns = 'Comparable returns that are not closed yet: their days are only a lower bound and in no percentile',
        total_days_p50 = 'Median of days from made to closed, over exact ones',
        total_days_p90 = '90th percentile of it',
        close_days_p50 = 'Median of business days from received or delivered to closed, over exact ones',
        close_days_p90 = '90th percentile of it',
        breaches = 'Returns beyond a target, open ones too',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (week, outcome, carrier, destination_id, returns)),
        unique_combination_of_columns(columns := (week, outcome, carrier, destination_id))
    )
);

WITH sla AS (
    SELECT
        *
    FROM marts.ops_sla
), weekly AS (
    SELECT
        CAST(DATE_TRUNC('WEEK', sla.created_at AT TIME ZONE 'UTC') AS DATE) AS week,
        sla.outcome,
        sla.carrier,
        sla.destination_id,
        sla.match_class,
        sla.match_class <> 'not_comparable' AS is_comparable,
        sla.is_censored,
        sla.match_class <> 'not_comparable' AND sla.is_closed_exact AS is_exact,
        sla.days_total,
        CASE WHEN NOT sla.clock_start_at IS NULL THEN sla.days_to_close END AS days_to_close
    FROM sla
    WHERE
        NOT sla.created_at IS NULL
), grouped AS (
    SELECT
        weekly.week,
        weekly.outcome,
        weekly.carrier,
        weekly.destination_id,
        COUNT(*) AS returns,
        SUM(CASE WHEN weekly.is_comparable THEN 0 ELSE 1 END) AS not_comparable_returns,
        SUM(CASE WHEN weekly.is_comparable AND NOT weekly.is_censored THEN 1 ELSE 0 END) AS closed_returns,
        SUM(CASE WHEN weekly.is_exact THEN 1 ELSE 0 END) AS exact_returns,
        SUM(CASE WHEN weekly.is_comparable AND weekly.is_censored THEN 1 ELSE 0 END) AS censored_returns,
        @percentile(CASE WHEN weekly.is_exact THEN weekly.days_total END, 0.5) AS total_days_p50,
        @percentile(CASE WHEN weekly.is_exact THEN weekly.days_total END, 0.9) AS total_days_p90,
        @percentile(CASE WHEN weekly.is_exact THEN weekly.days_to_close END, 0.5) AS close_days_p50,
        @percentile(CASE WHEN weekly.is_exact THEN weekly.days_to_close END, 0.9) AS close_days_p90,
        SUM(CASE WHEN weekly.match_class IN ('breach', 'open_breach', 'refund_overdue') THEN 1 ELSE 0 END) AS breaches
    FROM weekly
    GROUP BY
        weekly.week,
        weekly.outcome,
        weekly.carrier,
        weekly.destination_id
), final AS (
    SELECT
        CAST(grouped.week AS DATE) AS week,
        CAST(grouped.outcome AS TEXT) AS outcome,
        CAST(grouped.carrier AS TEXT) AS carrier,
        CAST(grouped.destination_id AS TEXT) AS destination_id,
        CAST(grouped.returns AS BIGINT) AS returns,
        CAST(grouped.not_comparable_returns AS BIGINT) AS not_comparable_returns,
        CAST(grouped.closed_returns AS BIGINT) AS closed_returns,
        CAST(grouped.exact_returns AS BIGINT) AS exact_returns,
        CAST(grouped.exact_returns / NULLIF(CAST(grouped.closed_returns AS DOUBLE), 0) AS DECIMAL(9, 6)) AS exact_share,
        CAST(grouped.censored_returns AS BIGINT) AS censored_returns,
        CAST(grouped.total_days_p50 AS DECIMAL(9, 2)) AS total_days_p50,
        CAST(grouped.total_days_p90 AS DECIMAL(9, 2)) AS total_days_p90,
        CAST(grouped.close_days_p50 AS DECIMAL(9, 2)) AS close_days_p50,
        CAST(grouped.close_days_p90 AS DECIMAL(9, 2)) AS close_days_p90,
        CAST(grouped.breaches AS BIGINT) AS breaches,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM grouped
)
SELECT
    *
FROM final
