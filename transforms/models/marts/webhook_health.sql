MODEL (
    name marts.webhook_health,
    kind FULL,
    description 'One row per day, UTC, and subscription since the first webhook, and one per day for all of them: what came, how late, how often again, what was refused, and what only the poll saw.',
    grain (day, subscription),
    column_descriptions (
        day = 'Day, UTC',
        subscription = 'Name of the subscription: the last part of its URL; all: every one, and what belongs to none',
        event_count = 'Distinct deliveries that came first on the day',
        delivery_count = 'How often these came in all',
        duplicate_count = 'How often these came again',
        unreadable_count = 'Distinct deliveries whose body could not be read or names no return',
        bad_signature_count = 'Requests refused on the day because no current secret had signed them',
        refused_count = 'Requests refused for another reason: too large, no such path, not complete in time',
        unavailable_count = 'Requests answered 503: they could not be made durable',
        return_count = 'Returns that the deliveries were about',
        average_lag_seconds = 'From the making of a return to its return.created, on average; null when none came',
        longest_lag_seconds = 'The longest of these',
        last_received_at = 'Last arrival of a delivery that came first on the day, UTC',
        created_count = 'Returns made on the day, by the list, that a webhook had to tell of; null but for all',
        only_polled_count = 'Those of them that no webhook named: only the poll saw them',
        only_polled_share = 'The same as a share of them; null when there is none',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (day, subscription)),
        unique_combination_of_columns(columns := (day, subscription))
    )
);

WITH webhook_events AS (
    SELECT
        *
    FROM staging.stg_webhook_events
), webhook_counters AS (
    SELECT
        *
    FROM staging.stg_webhook_counters
), webhook_returns AS (
    SELECT
        *
    FROM staging.stg_webhook_returns
), returns AS (
    SELECT
        *
    FROM staging.stg_returns
), events AS (
    SELECT
        CAST(webhook_events.received_at AT TIME ZONE 'UTC' AS DATE) AS day,
        webhook_events.subscription,
        webhook_events.return_id,
        webhook_events.delivery_count,
        webhook_events.is_readable,
        webhook_events.last_seen_at,
        CASE
            WHEN webhook_events.trigger_name = 'return.created'
            THEN @seconds_between(returns.created_at, webhook_events.received_at)
        END AS lag_seconds
    FROM webhook_events
    LEFT JOIN returns
        ON returns.return_id = webhook_events.return_id
), events_of AS (
    SELECT
        events.*,
        'all' AS scope
    FROM events
    UNION ALL
    SELECT
        events.*,
        events.subscription AS scope
    FROM events
), came AS (
    SELECT
        events_of.day,
        events_of.scope,
        COUNT(*) AS event_count,
        SUM(events_of.delivery_count) AS delivery_count,
        SUM(CASE WHEN events_of.is_readable THEN 0 ELSE 1 END) AS unreadable_count,
        COUNT(DISTINCT events_of.return_id) AS return_count,
        AVG(events_of.lag_seconds) AS average_lag_seconds,
        MAX(events_of.lag_seconds) AS longest_lag_seconds,
        MAX(events_of.last_seen_at) AS last_received_at
    FROM events_of
    GROUP BY
        events_of.day,
        events_of.scope
), counters_of AS (
    SELECT
        webhook_counters.*,
        'all' AS scope
    FROM webhook_counters
    UNION ALL
    SELECT
        webhook_counters.*,
        webhook_counters.subscription AS scope
    FROM webhook_counters
    WHERE
        webhook_counters.subscription <> ''
), refused AS (
    SELECT
        counters_of.day,
        counters_of.scope,
        SUM(
            CASE WHEN counters_of.counter_name = 'refused_signature' THEN counters_of.occurrence_count ELSE 0 END
        ) AS bad_signature_count,
        SUM(
            CASE
                WHEN counters_of.counter_name IN ('refused_size', 'refused_path', 'timed_out')
                THEN counters_of.occurrence_count
                ELSE 0
            END
        ) AS refused_count,
        SUM(CASE WHEN counters_of.counter_name = 'unavailable' THEN counters_of.occurrence_count ELSE 0 END) AS unavailable_count
    FROM counters_of
    GROUP BY
        counters_of.day,
        counters_of.scope
), made AS (
    SELECT
        CAST(webhook_returns.expected_since AT TIME ZONE 'UTC' AS DATE) AS day,
        'all' AS scope,
        COUNT(*) AS created_count,
        SUM(CASE WHEN webhook_returns.is_missing THEN 1 ELSE 0 END) AS only_polled_count
    FROM webhook_returns
    INNER JOIN returns
        ON returns.return_id = webhook_returns.return_id AND returns.created_at = webhook_returns.expected_since
    WHERE
        NOT webhook_returns.is_awaited
    GROUP BY
        CAST(webhook_returns.expected_since AT TIME ZONE 'UTC' AS DATE)
), days AS (
    SELECT
        came.day,
        came.scope
    FROM came
    UNION
    SELECT
        refused.day,
        refused.scope
    FROM refused
    UNION
    SELECT
        made.day,
        made.scope
    FROM made
), final AS (
    SELECT
        CAST(days.day AS DATE) AS day,
        CAST(days.scope AS TEXT) AS subscription,
        CAST(COALESCE(came.event_count, 0) AS BIGINT) AS event_count,
        CAST(COALESCE(came.delivery_count, 0) AS BIGINT) AS delivery_count,
        CAST(COALESCE(came.delivery_count - came.event_count, 0) AS BIGINT) AS duplicate_count,
        CAST(COALESCE(came.unreadable_count, 0) AS BIGINT) AS unreadable_count,
        CAST(COALESCE(refused.bad_signature_count, 0) AS BIGINT) AS bad_signature_count,
        CAST(COALESCE(refused.refused_count, 0) AS BIGINT) AS refused_count,
        CAST(COALESCE(refused.unavailable_count, 0) AS BIGINT) AS unavailable_count,
        CAST(COALESCE(came.return_count, 0) AS BIGINT) AS return_count,
        CAST(came.average_lag_seconds AS BIGINT) AS average_lag_seconds,
        CAST(came.longest_lag_seconds AS BIGINT) AS longest_lag_seconds,
        CAST(came.last_received_at AS TIMESTAMPTZ) AS last_received_at,
        CAST(CASE WHEN days.scope = 'all' THEN COALESCE(made.created_count, 0) END AS BIGINT) AS created_count,
        CAST(CASE WHEN days.scope = 'all' THEN COALESCE(made.only_polled_count, 0) END AS BIGINT) AS only_polled_count,
        CAST(CAST(made.only_polled_count AS DECIMAL(18, 4)) / made.created_count AS DECIMAL(5, 4)) AS only_polled_share,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM days
    LEFT JOIN came
        ON came.day = days.day AND came.scope = days.scope
    LEFT JOIN refused
        ON refused.day = days.day AND refused.scope = days.scope
    LEFT JOIN made
        ON made.day = days.day AND made.scope = days.scope
)
SELECT
    *
FROM final
