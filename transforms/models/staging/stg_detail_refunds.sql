MODEL (
    name staging.stg_detail_refunds,
    kind FULL,
    description 'One row per refund of a return that its details or a webhook shows: the newest of both.',
    grain (return_id, refund_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        refund_no = 'Place of the refund in the return, from 1',
        provider_refund_id = 'Shopify''s id of the refund',
        gateway = 'Way by which it was paid',
        amount = 'What was paid; null when Loop says no amount',
        currency = 'Its currency, ISO 4217',
        source = 'What showed it: details (read by id) or webhook',
        observed_at = 'When that was read or came last, UTC'
    ),
    audits (
        not_null(columns := (return_id, refund_no)),
        unique_combination_of_columns(columns := (return_id, refund_no))
    )
);

WITH return_details AS (
    SELECT
        *
    FROM loop_raw.return_details
), webhook_events AS (
    SELECT
        *
    FROM loop_raw.webhook_events
), shown AS (
    SELECT
        return_details.return_id,
        'details' AS source,
        return_details.fetched_at AS observed_at,
        CASE WHEN @is_json_array(return_details.refunds) THEN return_details.refunds ELSE @as_json('[]') END AS refunds
    FROM return_details
    WHERE
        return_details.is_known
    UNION ALL
    SELECT
        webhook_events.return_id,
        'webhook' AS source,
        COALESCE(webhook_events.last_seen_at, webhook_events.received_at) AS observed_at,
        webhook_events.body -> '$.refunds' AS refunds
    FROM webhook_events
    LEFT JOIN return_details
        ON return_details.return_id = webhook_events.return_id AND return_details.is_known
    WHERE
        webhook_events.topic = 'return'
        AND NOT webhook_events.return_id IS NULL
        AND @is_json_array(webhook_events.body -> '$.refunds')
        AND COALESCE(COALESCE(webhook_events.last_seen_at, webhook_events.received_at) > return_details.fetched_at, TRUE)
), ranked AS (
    /* A delivery does not say when it was made, and may come late: refunds only get more, so the longer list is the later one. */
    SELECT
        shown.*,
        ROW_NUMBER() OVER (
            PARTITION BY shown.return_id
            ORDER BY JSON_ARRAY_LENGTH(shown.refunds) DESC, shown.observed_at DESC, shown.source
        ) AS place
    FROM shown
), numbered AS (
    SELECT
        ranked.*,
        @series(1, CAST(JSON_ARRAY_LENGTH(ranked.refunds) AS BIGINT)) AS refund_no
    FROM ranked
    WHERE
        ranked.place = 1
), listed AS (
    SELECT
        numbered.*,
        @json_element(numbered.refunds, numbered.refund_no) AS refund
    FROM numbered
), final AS (
    SELECT
        CAST(listed.return_id AS TEXT) AS return_id,
        CAST(listed.refund_no AS BIGINT) AS refund_no,
        CAST(@cleaned(listed.refund ->> '$.provider_refund_id') AS TEXT) AS provider_refund_id,
        CAST(@cleaned(listed.refund ->> '$.gateway') AS TEXT) AS gateway,
        @parsed(listed.refund ->> '$.amount', DECIMAL(18, 4)) AS amount,
        CAST(@cleaned(listed.refund ->> '$.currency') AS TEXT) AS currency,
        CAST(listed.source AS TEXT) AS source,
        CAST(listed.observed_at AS TIMESTAMPTZ) AS observed_at
    FROM listed
)
SELECT
    *
FROM final
