MODEL (
    name staging.stg_webhook_events,
    kind FULL,
    description 'One row per distinct webhook delivery of a subscription: what Loop told, and when it came.',
    grain dedup_key,
    column_descriptions (
        dedup_key = 'Names a delivery and its repetitions',
        subscription = 'Name of the subscription: the last part of its URL',
        topic = 'What the body looks like; null when it does not say',
        trigger_name = 'What happened, as return.created; null when it does not say',
        return_id = 'Return that it is about; null when it names none',
        state = 'State that it tells, in the list''s words; null when it tells none',
        received_at = 'When it came first, UTC',
        last_seen_at = 'When it came last, UTC',
        delivery_count = 'How often it came',
        is_readable = 'False when the body could not be read or names no return',
        drained_at = 'When it was loaded, UTC'
    ),
    audits (not_null(columns := (
            dedup_key
        )), unique_values(columns := (
            dedup_key
    )))
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.webhook_events
), final AS (
    SELECT
        CAST(rows_of.dedup_key AS TEXT) AS dedup_key,
        CAST(rows_of.subscription AS TEXT) AS subscription,
        CAST(@cleaned(rows_of.topic) AS TEXT) AS topic,
        CAST(@cleaned(rows_of.trigger) AS TEXT) AS trigger_name,
        CAST(@cleaned(rows_of.return_id) AS TEXT) AS return_id,
        CAST(CASE
            WHEN LOWER(rows_of.state) IN ('needs review', 'needs_review')
            THEN 'review'
            ELSE LOWER(@cleaned(rows_of.state))
        END AS TEXT) AS state,
        CAST(rows_of.received_at AS TIMESTAMPTZ) AS received_at,
        CAST(COALESCE(rows_of.last_seen_at, rows_of.received_at) AS TIMESTAMPTZ) AS last_seen_at,
        CAST(rows_of.deliveries AS BIGINT) AS delivery_count,
        CAST(rows_of.parse_error IS NULL AS BOOLEAN) AS is_readable,
        CAST(rows_of.drained_at AS TIMESTAMPTZ) AS drained_at
    FROM rows_of
)
SELECT
    *
FROM final
