MODEL (
    name marts.webhook_health,
    kind FULL,
    description 'One row per day, UTC, since the first webhook: what came, how late, how often again, and what only the poll saw.',
    grain day,
    column_descriptions (
        day = 'Day, UTC',
        event_count = 'Distinct deliveries that came first on the day',
        delivery_count = 'How often these came in all',
        duplicate_count = 'How often these came again',
        unreadable_count = 'Distinct deliveries whose body could not be read or names no return',
        return_count = 'Returns that they were about',
        created_count = 'Returns made on the day, by the list, after the first webhook',
        only_polled_count = 'Those of them that no webhook ever named: only the poll saw them',
        only_polled_share = 'The same as a share of them; null when none was made',
        average_lag_seconds = 'From the making of a return to its return.created, on average; null when none came',
        longest_lag_seconds = 'The longest of these',
        last_received_at = 'Last arrival of a delivery that came first on the day, UTC',
        as_of = 'The build''s one present, UTC'
    ),
    audits (not_null(columns := (
            day
        )), unique_values(columns := (
            day
    )))
);

WITH webhook_events AS (
    SELECT
        *
    FROM staging.stg_webhook_events
), returns AS (
    SELECT
        *
    FROM staging.stg_returns
), beginning AS (
    SELECT
        MIN(webhook_events.received_at) AS first_at
    FROM webhook_events
), named AS (
    SELECT
        webhook_events.return_id
    FROM webhook_events
    GROUP BY
        webhook_events.return_id
), came AS (
    SELECT
        CAST(webhook_events.received_at AT TIME ZONE 'UTC' AS DATE) AS day,
        COUNT(*) AS event_count,
        SUM(webhook_events.delivery_count) AS delivery_count,
        SUM(CASE WHEN webhook_events.is_readable THEN 0 ELSE 1 END) AS unreadable_count,
        COUNT(DISTINCT webhook_events.return_id) AS return_count,
        AVG(
            CASE
                WHEN webhook_events.trigger_name = 'return.created'
                THEN EXTRACT(EPOCH FROM webhook_events.received_at - returns.created_at)
            END
        ) AS average_lag_seconds,
        MAX(
            CASE
                WHEN webhook_events.trigger_name = 'return.created'
                THEN EXTRACT(EPOCH FROM webhook_events.received_at - returns.created_at)
            END
        ) AS longest_lag_seconds,
        MAX(webhook_events.last_seen_at) AS last_received_at
    FROM webhook_events
    LEFT JOIN returns
        ON returns.return_id = webhook_events.return_id
    GROUP BY
        CAST(webhook_events.received_at AT TIME ZONE 'UTC' AS DATE)
), made AS (
    SELECT
        CAST(returns.created_at AT TIME ZONE 'UTC' AS DATE) AS day,
        COUNT(*) AS created_count,
        SUM(CASE WHEN named.return_id IS NULL THEN 1 ELSE 0 END) AS only_polled_count
    FROM returns
    INNER JOIN beginning
        ON returns.created_at >= beginning.first_at
    LEFT JOIN named
        ON named.return_id = returns.return_id
    GROUP BY
        CAST(returns.created_at AT TIME ZONE 'UTC' AS DATE)
), days AS (
    SELECT
        came.day
    FROM came
    UNION
    SELECT
        made.day
    FROM made
), final AS (
    SELECT
        CAST(days.day AS DATE) AS day,
        CAST(COALESCE(came.event_count, 0) AS BIGINT) AS event_count,
        CAST(COALESCE(came.delivery_count, 0) AS BIGINT) AS delivery_count,
        CAST(COALESCE(came.delivery_count - came.event_count, 0) AS BIGINT) AS duplicate_count,
        CAST(COALESCE(came.unreadable_count, 0) AS BIGINT) AS unreadable_count,
        CAST(COALESCE(came.return_count, 0) AS BIGINT) AS return_count,
        CAST(COALESCE(made.created_count, 0) AS BIGINT) AS created_count,
        CAST(COALESCE(made.only_polled_count, 0) AS BIGINT) AS only_polled_count,
        CAST(CAST(made.only_polled_count AS DECIMAL(18, 4)) / made.created_count AS DECIMAL(5, 4)) AS only_polled_share,
        CAST(came.average_lag_seconds AS BIGINT) AS average_lag_seconds,
        CAST(came.longest_lag_seconds AS BIGINT) AS longest_lag_seconds,
        CAST(came.last_received_at AS TIMESTAMPTZ) AS last_received_at,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM days
    LEFT JOIN came
        ON came.day = days.day
    LEFT JOIN made
        ON made.day = days.day
)
SELECT
    *
FROM final
