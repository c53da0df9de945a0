MODEL (
    name staging.stg_webhook_returns,
    kind FULL,
    description 'One row per return that the list shows or a webhook named: what webhooks told of it, and what they should have.',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        is_listed = 'True when the list shows it',
        is_known = 'Whether Loop knows it, by its details; null when they were not read',
        has_return_event = 'True when a delivery of topic return named it',
        webhook_state = 'State that the last delivery with a state told; deliveries may come out of order',
        event_count = 'Distinct deliveries that named it',
        delivery_count = 'How often these came in all',
        first_received_at = 'When the first of them came, UTC',
        last_received_at = 'When the last of them came, UTC',
        expected_since = 'From when on a webhook had to name it; null when none had to: it is older than the webhooks, or they do not tell of its making',
        is_missing = 'True when a webhook had to name it, none did, and the grace is over',
        is_awaited = 'True when none named it, and one may still come',
        state_match = 'same, other, awaited (they differ within the grace) or null (webhooks did not have to tell its state)',
        is_list_behind = 'True when they differ because the list does not show an end that a webhook told',
        heard_until = 'Up to when the inbox is known: the last time that a run read it, at most the build''s present, UTC'
    ),
    audits (not_null(columns := (
            return_id
        )), unique_values(columns := (
            return_id
    )))
);

WITH events AS (
    SELECT
        *
    FROM staging.stg_webhook_events
), counters AS (
    SELECT
        *
    FROM staging.stg_webhook_counters
), returns AS (
    SELECT
        *
    FROM staging.stg_returns
), return_history AS (
    SELECT
        *
    FROM staging.stg_return_history
), return_details AS (
    SELECT
        *
    FROM staging.stg_return_details
), drains AS (
    SELECT
        events.drained_at
    FROM events
    UNION ALL
    SELECT
        counters.drained_at
    FROM counters
), hearing AS (
    SELECT
        LEAST(
            CAST(@execution_ts AS TIMESTAMPTZ),
            COALESCE(MAX(drains.drained_at), CAST(@execution_ts AS TIMESTAMPTZ))
        ) AS heard_until
    FROM drains
), first_heard AS (
    /* A delivery of a return that is older than the webhooks, as a test is, does not date them back. */
    SELECT
        COUNT(*) AS event_count,
        MIN(
            CASE
                WHEN events.trigger_name = 'return.created'
                THEN GREATEST(events.received_at, COALESCE(returns.created_at, events.received_at))
            END
        ) AS created_at,
        MIN(CASE WHEN events.trigger_name = 'return.updated' THEN events.received_at END) AS updated_at,
        MIN(CASE WHEN events.trigger_name IN ('return.updated', 'return.closed') THEN events.received_at END) AS closed_at
    FROM events
    LEFT JOIN returns
        ON returns.return_id = events.return_id
), since AS (
    SELECT
        CASE
            WHEN @shop_webhooks_since = 'off'
            THEN CAST(NULL AS TIMESTAMPTZ)
            WHEN @shop_webhooks_since = ''
            THEN first_heard.created_at
            WHEN first_heard.event_count = 0 OR NOT first_heard.created_at IS NULL
            THEN @parsed(@shop_webhooks_since, TIMESTAMPTZ)
        END AS created_at,
        CASE
            WHEN @shop_webhooks_since = 'off'
            THEN CAST(NULL AS TIMESTAMPTZ)
            WHEN @shop_webhooks_since = ''
            THEN first_heard.updated_at
            WHEN NOT first_heard.updated_at IS NULL
            THEN @parsed(@shop_webhooks_since, TIMESTAMPTZ)
        END AS updated_at,
        CASE
            WHEN @shop_webhooks_since = 'off'
            THEN CAST(NULL AS TIMESTAMPTZ)
            WHEN @shop_webhooks_since = ''
            THEN first_heard.closed_at
            WHEN NOT first_heard.closed_at IS NULL
            THEN @parsed(@shop_webhooks_since, TIMESTAMPTZ)
        END AS closed_at
    FROM first_heard
), last_told AS (
    SELECT
        events.return_id,
        events.state,
        ROW_NUMBER() OVER (PARTITION BY events.return_id ORDER BY events.last_seen_at DESC, events.dedup_key) AS place
    FROM events
    WHERE
        NOT events.state IS NULL
), told AS (
    SELECT
        events.return_id,
        COUNT(*) AS event_count,
        SUM(events.delivery_count) AS delivery_count,
        MIN(events.received_at) AS first_received_at,
        MAX(events.last_seen_at) AS last_received_at,
        MAX(CASE WHEN events.topic = 'return' THEN 1 ELSE 0 END) AS has_return_event
    FROM events
    WHERE
        NOT events.return_id IS NULL
    GROUP BY
        events.return_id
), earlier AS (
    SELECT
        returns.return_id,
        MAX(return_history.updated_at) AS other_state_at
    FROM told
    INNER JOIN returns
        ON returns.return_id = told.return_id
    INNER JOIN return_history
        ON return_history.return_id = returns.return_id
        AND LOWER(return_history.state) <> returns.state
        AND return_history.updated_at < returns.updated_at
    GROUP BY
        returns.return_id
), confirmed AS (
    /* Told after another state was last seen in the list: in whatever order the deliveries came. */
    SELECT
        returns.return_id
    FROM returns
    LEFT JOIN earlier
        ON earlier.return_id = returns.return_id
    INNER JOIN events
        ON events.return_id = returns.return_id
        AND events.state = returns.state
        AND events.last_seen_at > COALESCE(earlier.other_state_at, CAST('1970-01-01 00:00:00+00:00' AS TIMESTAMPTZ))
    GROUP BY
        returns.return_id
), seen_ends AS (
    SELECT
        return_history.return_id,
        LOWER(return_history.state) AS state
    FROM told
    INNER JOIN return_history
        ON return_history.return_id = told.return_id
    WHERE
        LOWER(return_history.state) IN ('closed', 'cancelled', 'expired')
    GROUP BY
        return_history.return_id,
        LOWER(return_history.state)
), compared AS (
    SELECT
        COALESCE(returns.return_id, told.return_id) AS return_id,
        NOT returns.return_id IS NULL AS is_listed,
        return_details.is_known,
        COALESCE(told.has_return_event, 0) = 1 AS has_return_event,
        last_told.state AS webhook_state,
        COALESCE(told.event_count, 0) AS event_count,
        COALESCE(told.delivery_count, 0) AS delivery_count,
        told.first_received_at,
        told.last_received_at,
        hearing.heard_until,
        hearing.heard_until - @grace_hours_webhook * INTERVAL '1' HOUR AS settled_until,
        returns.updated_at,
        returns.state,
        CASE
            WHEN returns.created_at >= since.created_at
            THEN returns.created_at
            WHEN returns.state <> 'open'
            AND returns.created_at >= CASE WHEN returns.state = 'closed' THEN since.closed_at ELSE since.updated_at END
            THEN returns.updated_at
        END AS expected_since,
        NOT confirmed.return_id IS NULL AS is_confirmed,
        COALESCE(
            returns.state IN ('open', 'review')
            AND last_told.state IN ('closed', 'cancelled', 'expired')
            AND seen_ends.return_id IS NULL,
            FALSE
        ) AS is_list_behind,
        COALESCE(
            COALESCE(earlier.other_state_at, returns.created_at) >= CASE WHEN returns.state = 'closed' THEN since.closed_at ELSE since.updated_at END,
            FALSE
        ) AS is_change_expected
    FROM returns
    FULL OUTER JOIN told
        ON told.return_id = returns.return_id
    LEFT JOIN last_told
        ON last_told.return_id = told.return_id AND last_told.place = 1
    LEFT JOIN earlier
        ON earlier.return_id = returns.return_id
    LEFT JOIN confirmed
        ON confirmed.return_id = returns.return_id
    LEFT JOIN seen_ends
        ON seen_ends.return_id = returns.return_id AND seen_ends.state = last_told.state
    LEFT JOIN return_details
        ON return_details.return_id = COALESCE(returns.return_id, told.return_id)
    CROSS JOIN hearing
    CROSS JOIN since
), final AS (
    SELECT
        CAST(compared.return_id AS TEXT) AS return_id,
        CAST(compared.is_listed AS BOOLEAN) AS is_listed,
        CAST(compared.is_known AS BOOLEAN) AS is_known,
        CAST(compared.has_return_event AS BOOLEAN) AS has_return_event,
        CAST(compared.webhook_state AS TEXT) AS webhook_state,
        CAST(compared.event_count AS BIGINT) AS event_count,
        CAST(compared.delivery_count AS BIGINT) AS delivery_count,
        CAST(compared.first_received_at AS TIMESTAMPTZ) AS first_received_at,
        CAST(compared.last_received_at AS TIMESTAMPTZ) AS last_received_at,
        CAST(compared.expected_since AS TIMESTAMPTZ) AS expected_since,
        CAST(COALESCE(compared.event_count = 0 AND compared.expected_since <= compared.settled_until, FALSE) AS BOOLEAN) AS is_missing,
        CAST(COALESCE(compared.event_count = 0 AND compared.expected_since > compared.settled_until, FALSE) AS BOOLEAN) AS is_awaited,
        CAST(CASE
            WHEN compared.webhook_state IS NULL OR NOT compared.is_listed
            THEN NULL
            WHEN compared.is_confirmed AND NOT compared.is_list_behind
            THEN 'same'
            WHEN NOT compared.is_change_expected AND NOT compared.is_list_behind
            THEN NULL
            WHEN GREATEST(compared.updated_at, compared.last_received_at) > compared.settled_until
            THEN 'awaited'
            ELSE 'other'
        END AS TEXT) AS state_match,
        CAST(compared.is_list_behind AS BOOLEAN) AS is_list_behind,
        CAST(compared.heard_until AS TIMESTAMPTZ) AS heard_until
    FROM compared
)
SELECT
    *
FROM final
