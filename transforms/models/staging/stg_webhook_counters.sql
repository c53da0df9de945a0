MODEL (
    name staging.stg_webhook_counters,
    kind FULL,
    description 'One row per day, subscription and thing that the webhook receiver counted, over all its inboxes.',
    grain (day, subscription, counter_name),
    column_descriptions (
        day = 'Day, UTC',
        subscription = 'Name of the subscription; empty where none is meant',
        counter_name = 'accepted, duplicate, unparsable; of what was not stored: refused_signature, refused_size, refused_path, timed_out, unavailable',
        occurrence_count = 'How often it happened',
        drained_at = 'When a run last read it from the inbox, UTC'
    ),
    audits (
        not_null(columns := (day, subscription, counter_name)),
        unique_combination_of_columns(columns := (day, subscription, counter_name))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.webhook_counters
), final AS (
    SELECT
        CAST(rows_of.day AS DATE) AS day,
        CAST(rows_of.subscription AS TEXT) AS subscription,
        CAST(rows_of.name AS TEXT) AS counter_name,
        CAST(SUM(rows_of.value) AS BIGINT) AS occurrence_count,
        CAST(MAX(rows_of.drained_at) AS TIMESTAMPTZ) AS drained_at
    FROM rows_of
    GROUP BY
        rows_of.day,
        rows_of.subscription,
        rows_of.name
)
SELECT
    *
FROM final
