MODEL (
    name staging.stg_detail_labels,
    kind FULL,
    description 'One row per label of a return that its details or a webhook shows: the newest of both.',
    grain (return_id, label_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        label_no = 'Place of the label in the return, from 1',
        label_status = 'Where the parcel is by the carrier''s scans',
        carrier = 'Carrier of the label',
        tracking_number = 'Tracking number',
        label_updated_at = 'Last change of the label, UTC',
        label_rate = 'What the label cost; unit unclear',
        line_item_ids = 'Ids of the lines in the parcel, as a JSON array',
        source = 'What showed it: details (read by id) or webhook',
        observed_at = 'When that was read or came last, UTC'
    ),
    audits (
        not_null(columns := (return_id, label_no)),
        unique_combination_of_columns(columns := (return_id, label_no))
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
        @parsed(@cleaned(return_details.body ->> '$.label_updated_at'), TIMESTAMPTZ) AS changed_at,
        CASE WHEN @is_json_array(return_details.labels) THEN return_details.labels ELSE @as_json('[]') END AS labels
    FROM return_details
    WHERE
        return_details.is_known
    UNION ALL
    SELECT
        webhook_events.return_id,
        'webhook' AS source,
        COALESCE(webhook_events.last_seen_at, webhook_events.received_at) AS observed_at,
        @parsed(@cleaned(webhook_events.body ->> '$.label_updated_at'), TIMESTAMPTZ) AS changed_at,
        webhook_events.body -> '$.labels' AS labels
    FROM webhook_events
    LEFT JOIN return_details
        ON return_details.return_id = webhook_events.return_id AND return_details.is_known
    WHERE
        webhook_events.topic = 'return'
        AND NOT webhook_events.return_id IS NULL
        AND @is_json_array(webhook_events.body -> '$.labels')
        AND COALESCE(COALESCE(webhook_events.last_seen_at, webhook_events.received_at) > return_details.fetched_at, TRUE)
), ranked AS (
    /* A delivery does not say when it was made, and may come late: of two, the one whose label changed last is the later. */
    SELECT
        shown.*,
        ROW_NUMBER() OVER (
            PARTITION BY shown.return_id
            ORDER BY shown.changed_at DESC, JSON_ARRAY_LENGTH(shown.labels) DESC, shown.observed_at DESC, shown.source
        ) AS place
    FROM shown
), numbered AS (
    SELECT
        ranked.*,
        @series(1, CAST(JSON_ARRAY_LENGTH(ranked.labels) AS BIGINT)) AS label_no
    FROM ranked
    WHERE
        ranked.place = 1
), listed AS (
    SELECT
        numbered.*,
        @json_element(numbered.labels, numbered.label_no) AS label
    FROM numbered
), final AS (
    SELECT
        CAST(listed.return_id AS TEXT) AS return_id,
        CAST(listed.label_no AS BIGINT) AS label_no,
        CAST(LOWER(@cleaned(listed.label ->> '$.status')) AS TEXT) AS label_status,
        CAST(@cleaned(listed.label ->> '$.carrier') AS TEXT) AS carrier,
        CAST(@cleaned(listed.label ->> '$.tracking_number') AS TEXT) AS tracking_number,
        @parsed(@cleaned(listed.label ->> '$.updated_at'), TIMESTAMPTZ) AS label_updated_at,
        @parsed(listed.label ->> '$.rate', DECIMAL(18, 4)) AS label_rate,
        CAST(listed.label -> '$.line_items' AS TEXT) AS line_item_ids,
        CAST(listed.source AS TEXT) AS source,
        CAST(listed.observed_at AS TIMESTAMPTZ) AS observed_at
    FROM listed
)
SELECT
    *
FROM final
