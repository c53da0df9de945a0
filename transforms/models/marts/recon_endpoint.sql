MODEL (
    name marts.recon_endpoint,
    kind FULL,
    description 'One row per return, and one per shipping-notice line that fits no return: do the list, the shipping notices and the webhooks tell the same story?',
    grain entity,
    column_descriptions (
        entity = 'What the row is about: return:<id> or asn_line:<line id>',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null only for an orphan',
        match_class = 'One of missing_in_list, not_comparable, timing, missing_in_asn, missing_in_webhook, line_count_break, state_break, label_break, webhook_state_break, matched, asn_orphan; the first that fits',
        severity = '3 when the list lacks the return, 4 for the other breaks; null when it is no break',
        amount = 'Return total; for what only the notices show, the sum of their prices; null for what only a webhook named',
        currency = 'Shop currency, ISO 4217',
        reason = 'Why the row is not comparable or waits: no_parcel, young, asn_not_pulled, list_not_pulled, asn_read_earlier, unsettled, unknown_at_loop (a webhook named it, Loop knows no such return), not_read (a webhook named it, its details are not read yet); null otherwise',
        root_cause = 'Cause from the closed list of causes; null when matched',
        list_state = 'State in the list',
        asn_state = 'State in the notices; the first by name when their rows differ',
        webhook_state = 'State that the last delivery told; null when none told one. Deliveries may come out of order: a break is a state that none told in time',
        list_label_status = 'Label status in the list',
        asn_label_status = 'Label status in the notices; the first by name when their rows differ',
        list_lines = 'Distinct lines in the list',
        asn_lines = 'Lines in the notices',
        asn_id = 'Id of the notice''s row; the smallest when there are several',
        line_item_id = 'Line of an orphan',
        webhook_deliveries = 'Webhook deliveries that named it, repetitions included',
        webhook_first_received_at = 'When the first of them came, UTC; null when none did',
        webhook_last_received_at = 'When the last of them came, UTC',
        updated_at = 'Last change on either side, UTC',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (
            entity
        )),
        unique_values(columns := (
            entity
        )),
        accepted_values(
            "column" := match_class,
            is_in := (
                'missing_in_list',
                'not_comparable',
                'timing',
                'missing_in_asn',
                'missing_in_webhook',
                'line_count_break',
                'state_break',
                'label_break',
                'webhook_state_break',
                'matched',
                'asn_orphan'
            )
        ),
        return_named()
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), return_lines AS (
    SELECT
        *
    FROM staging.stg_return_lines
), labels AS (
    SELECT
        *
    FROM staging.stg_labels
), shipping_notices AS (
    SELECT
        *
    FROM staging.stg_shipping_notices
), notice_returns AS (
    SELECT
        *
    FROM staging.stg_notice_returns
), webhook_returns AS (
    SELECT
        *
    FROM staging.stg_webhook_returns
), pull_windows AS (
    SELECT
        *
    FROM staging.stg_pull_windows
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), label_statuses AS (
    SELECT
        *
    FROM staging.seed_label_statuses
), list_lines AS (
    SELECT
        return_lines.return_id,
        COUNT(DISTINCT return_lines.line_item_id) + SUM(CASE WHEN return_lines.line_item_id IS NULL THEN 1 ELSE 0 END) AS line_count
    FROM return_lines
    GROUP BY
        return_lines.return_id
), label_counts AS (
    SELECT
        labels.return_id,
        COUNT(*) AS label_count
    FROM labels
    GROUP BY
        labels.return_id
), notices AS (
    SELECT
        shipping_notices.*,
        notice_returns.return_id,
        notice_returns.placed_by,
        notice_returns.known_return_id,
        CASE
            WHEN COALESCE(label_statuses.stage, 1) = 0
            THEN ''
            ELSE COALESCE(shipping_notices.label_status, '')
        END AS comparable_label
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    LEFT JOIN label_statuses
        ON label_statuses.label_status = shipping_notices.label_status
), notices_by_return AS (
    SELECT
        notices.return_id,
        notices.placed_by,
        MIN(notices.asn_id) AS asn_id,
        COUNT(*) AS line_count,
        MIN(notices.state) AS state,
        MAX(notices.state) AS last_state,
        MIN(notices.label_status) AS label_status,
        MIN(notices.comparable_label) AS comparable_label,
        MAX(notices.comparable_label) AS last_comparable_label,
        MAX(notices.updated_at) AS updated_at,
        MAX(notices.label_updated_at) AS label_updated_at,
        MIN(notices.created_at) AS created_at,
        MIN(notices.fetched_at) AS fetched_at,
        SUM(COALESCE(notices.purchase_price, 0)) AS amount,
        MIN(notices.currency) AS currency
    FROM notices
    WHERE
        NOT notices.return_id IS NULL
    GROUP BY
        notices.return_id,
        notices.placed_by
), label_agreement AS (
    SELECT
        returns.return_id,
        MAX(CASE WHEN notices.label_status = returns.label_status THEN 1 ELSE 0 END) AS has_same_label
    FROM returns
    INNER JOIN notices
        ON notices.return_id = returns.return_id
    GROUP BY
        returns.return_id
), asn_pulled AS (
    SELECT
        returns.return_id
    FROM returns
    INNER JOIN pull_windows
        ON pull_windows.endpoint = 'advanced_shipping_notices'
        AND pull_windows.is_complete
        AND pull_windows.window_from <= returns.created_at
        AND pull_windows.window_to > returns.created_at
    LEFT JOIN notices_by_return
        ON notices_by_return.return_id = returns.return_id
    WHERE
        notices_by_return.return_id IS NULL
    GROUP BY
        returns.return_id
), unlisted AS (
    SELECT
        'return:' || notices_by_return.return_id AS entity,
        notices_by_return.return_id,
        notices_by_return.asn_id,
        CAST(NULL AS TEXT) AS line_item_id,
        notices_by_return.state,
        notices_by_return.label_status,
        notices_by_return.line_count,
        notices_by_return.updated_at,
        COALESCE(notices_by_return.updated_at, notices_by_return.created_at) AS moved_at,
        notices_by_return.amount,
        notices_by_return.currency,
        FALSE AS is_read_earlier,
        'missing_in_list' AS break_class,
        CAST(NULL AS TEXT) AS quiet_reason
    FROM notices_by_return
    WHERE
        notices_by_return.placed_by = 'asn_id'
    UNION ALL
    SELECT
        'asn_line:' || notices.line_item_id || ':' || notices.asn_id AS entity,
        CAST(NULL AS TEXT) AS return_id,
        notices.asn_id,
        notices.line_item_id,
        notices.state,
        notices.label_status,
        1 AS line_count,
        notices.updated_at,
        COALESCE(notices.updated_at, notices.created_at) AS moved_at,
        COALESCE(notices.purchase_price, 0) AS amount,
        notices.currency,
        COALESCE(returns.updated_at > notices.fetched_at, FALSE) AS is_read_earlier,
        'asn_orphan' AS break_class,
        CAST(NULL AS TEXT) AS quiet_reason
    FROM notices
    LEFT JOIN returns
        ON returns.return_id = notices.known_return_id
    WHERE
        notices.placed_by = 'none'
    UNION ALL
    SELECT
        'return:' || webhook_returns.return_id AS entity,
        webhook_returns.return_id,
        CAST(NULL AS TEXT) AS asn_id,
        CAST(NULL AS TEXT) AS line_item_id,
        webhook_returns.webhook_state AS state,
        CAST(NULL AS TEXT) AS label_status,
        CAST(NULL AS BIGINT) AS line_count,
        webhook_returns.last_received_at AS updated_at,
        webhook_returns.last_received_at AS moved_at,
        CAST(NULL AS DECIMAL(18, 4)) AS amount,
        CAST(NULL AS TEXT) AS currency,
        FALSE AS is_read_earlier,
        'missing_in_list' AS break_class,
        CASE
            WHEN NOT webhook_returns.is_known
            THEN 'unknown_at_loop'
            WHEN webhook_returns.last_received_at > webhook_returns.heard_until - @grace_hours_webhook * INTERVAL '1' HOUR
            THEN 'young'
            WHEN webhook_returns.is_known IS NULL
            THEN 'not_read'
        END AS quiet_reason
    FROM webhook_returns
    LEFT JOIN notices_by_return
        ON notices_by_return.return_id = webhook_returns.return_id AND notices_by_return.placed_by = 'asn_id'
    WHERE
        NOT webhook_returns.is_listed
        AND webhook_returns.has_return_event
        AND notices_by_return.return_id IS NULL
), list_pulled AS (
    SELECT
        unlisted.entity
    FROM unlisted
    LEFT JOIN return_states
        ON return_states.state = unlisted.state
    INNER JOIN pull_windows
        ON pull_windows.endpoint = 'returns'
        AND pull_windows.pass = COALESCE(return_states.pass, 'default')
        AND pull_windows.is_complete
        AND pull_windows.window_from <= unlisted.moved_at
        AND pull_windows.window_to > unlisted.moved_at
    GROUP BY
        unlisted.entity
), compared AS (
    SELECT
        returns.return_id,
        returns.method_type,
        returns.state,
        returns.label_status,
        returns.return_total AS amount,
        returns.currency,
        COALESCE(list_lines.line_count, 0) AS list_lines,
        notices_by_return.asn_id,
        notices_by_return.line_count AS asn_lines,
        notices_by_return.state AS asn_state,
        notices_by_return.label_status AS asn_label_status,
        GREATEST(returns.updated_at, COALESCE(notices_by_return.updated_at, returns.updated_at)) AS updated_at,
        COALESCE(returns.method_type IN (@EACH(@policy_no_parcel_methods, method -> method)), FALSE) AS has_no_parcel,
        returns.created_at > CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_asn * INTERVAL '1' HOUR AS is_young,
        NOT asn_pulled.return_id IS NULL AS is_asn_pulled,
        COALESCE(notices_by_return.fetched_at < returns.updated_at, FALSE) AS is_asn_read_earlier,
        GREATEST(returns.updated_at, COALESCE(notices_by_return.updated_at, returns.updated_at)) >= CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_asn * INTERVAL '1' HOUR AS is_unsettled,
        COALESCE(
            GREATEST(
                returns.updated_at,
                COALESCE(notices_by_return.updated_at, returns.updated_at),
                COALESCE(notices_by_return.label_updated_at, returns.updated_at),
                CASE
                    WHEN returns.label_updated_at <= CAST(@execution_ts AS TIMESTAMPTZ)
                    THEN returns.label_updated_at
                    ELSE returns.updated_at
                END
            ) >= CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_asn * INTERVAL '1' HOUR,
            FALSE
        ) AS is_label_unsettled,
        notices_by_return.line_count <> COALESCE(list_lines.line_count, 0) AS has_other_lines,
        COALESCE(notices_by_return.state <> returns.state OR notices_by_return.last_state <> returns.state, FALSE) AS has_other_state,
        CASE
            WHEN COALESCE(label_counts.label_count, 0) > 1
            THEN COALESCE(label_agreement.has_same_label, 1) = 0
            ELSE notices_by_return.comparable_label <> (
                CASE WHEN COALESCE(label_statuses.stage, 1) = 0 THEN '' ELSE COALESCE(returns.label_status, '') END
            )
            OR notices_by_return.last_comparable_label <> (
                CASE WHEN COALESCE(label_statuses.stage, 1) = 0 THEN '' ELSE COALESCE(returns.label_status, '') END
            )
        END AS has_other_label,
        COALESCE(webhook_returns.is_missing, FALSE) AS is_webhook_missing,
        COALESCE(webhook_returns.is_awaited, FALSE) AS is_webhook_awaited,
        webhook_returns.state_match AS webhook_state_match,
        webhook_returns.is_list_behind
    FROM returns
    LEFT JOIN webhook_returns
        ON webhook_returns.return_id = returns.return_id
    LEFT JOIN list_lines
        ON list_lines.return_id = returns.return_id
    LEFT JOIN label_counts
        ON label_counts.return_id = returns.return_id
    LEFT JOIN notices_by_return
        ON notices_by_return.return_id = returns.return_id
    LEFT JOIN label_agreement
        ON label_agreement.return_id = returns.return_id
    LEFT JOIN asn_pulled
        ON asn_pulled.return_id = returns.return_id
    LEFT JOIN label_statuses
        ON label_statuses.label_status = returns.label_status
), judged AS (
    SELECT
        compared.*,
        CASE
            WHEN compared.asn_lines IS NULL AND compared.has_no_parcel
            THEN 'not_comparable'
            WHEN compared.asn_lines IS NULL AND compared.is_young
            THEN 'timing'
            WHEN compared.asn_lines IS NULL AND NOT compared.is_asn_pulled
            THEN 'not_comparable'
            WHEN compared.asn_lines IS NULL
            THEN 'missing_in_asn'
            WHEN compared.is_webhook_missing AND NOT compared.has_no_parcel
            THEN 'missing_in_webhook'
            WHEN compared.is_asn_read_earlier
            AND (
                compared.has_other_lines OR compared.has_other_state OR compared.has_other_label
            )
            THEN 'not_comparable'
            WHEN compared.has_other_lines
            THEN 'line_count_break'
            WHEN compared.has_other_state AND NOT compared.is_unsettled
            THEN 'state_break'
            WHEN compared.has_other_label AND NOT compared.is_label_unsettled
            THEN 'label_break'
            WHEN compared.has_other_state OR compared.has_other_label
            THEN 'timing'
            WHEN compared.has_no_parcel
            THEN 'matched'
            WHEN compared.webhook_state_match = 'other'
            THEN 'webhook_state_break'
            WHEN compared.webhook_state_match = 'awaited' OR compared.is_webhook_awaited
            THEN 'timing'
            ELSE 'matched'
        END AS match_class
    FROM compared
), classified AS (
    SELECT
        'return:' || judged.return_id AS entity,
        judged.return_id,
        judged.match_class,
        CASE
            WHEN NOT judged.match_class IN ('not_comparable', 'timing')
            THEN NULL
            WHEN judged.asn_lines IS NULL AND judged.has_no_parcel
            THEN 'no_parcel'
            WHEN judged.asn_lines IS NULL AND judged.is_young
            THEN 'young'
            WHEN judged.asn_lines IS NULL
            THEN 'asn_not_pulled'
            WHEN judged.is_asn_read_earlier
            AND (
                judged.has_other_lines OR judged.has_other_state OR judged.has_other_label
            )
            THEN 'asn_read_earlier'
            ELSE 'unsettled'
        END AS reason,
        judged.method_type,
        judged.amount,
        judged.currency,
        judged.state AS list_state,
        judged.asn_state,
        judged.label_status AS list_label_status,
        judged.asn_label_status,
        judged.list_lines,
        judged.asn_lines,
        judged.asn_id,
        CAST(NULL AS TEXT) AS line_item_id,
        judged.is_list_behind,
        judged.updated_at
    FROM judged
    UNION ALL
    SELECT
        unlisted.entity,
        unlisted.return_id,
        CASE
            WHEN unlisted.quiet_reason = 'young'
            THEN 'timing'
            WHEN NOT unlisted.quiet_reason IS NULL OR unlisted.is_read_earlier OR list_pulled.entity IS NULL
            THEN 'not_comparable'
            ELSE unlisted.break_class
        END AS match_class,
        CASE
            WHEN NOT unlisted.quiet_reason IS NULL
            THEN unlisted.quiet_reason
            WHEN unlisted.is_read_earlier
            THEN 'asn_read_earlier'
            WHEN list_pulled.entity IS NULL
            THEN 'list_not_pulled'
        END AS reason,
        CAST(NULL AS TEXT) AS method_type,
        unlisted.amount,
        unlisted.currency,
        CAST(NULL AS TEXT) AS list_state,
        unlisted.state AS asn_state,
        CAST(NULL AS TEXT) AS list_label_status,
        unlisted.label_status AS asn_label_status,
        0 AS list_lines,
        unlisted.line_count AS asn_lines,
        unlisted.asn_id,
        unlisted.line_item_id,
        FALSE AS is_list_behind,
        unlisted.updated_at
    FROM unlisted
    LEFT JOIN list_pulled
        ON list_pulled.entity = unlisted.entity
), final AS (
    SELECT
        CAST(classified.entity AS TEXT) AS entity,
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class = 'missing_in_list'
            THEN 3
            WHEN classified.match_class IN (
                'missing_in_asn',
                'missing_in_webhook',
                'line_count_break',
                'state_break',
                'label_break',
                'webhook_state_break',
                'asn_orphan'
            )
            THEN 4
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.reason AS TEXT) AS reason,
        CAST(CASE
            WHEN classified.match_class = 'matched'
            THEN NULL
            WHEN classified.reason = 'no_parcel'
            THEN classified.method_type
            WHEN classified.reason IN ('young', 'unsettled')
            THEN 'timing'
            WHEN classified.reason IN ('asn_not_pulled', 'list_not_pulled', 'not_read')
            THEN 'source_gap'
            WHEN classified.reason = 'asn_read_earlier'
            OR classified.match_class = 'webhook_state_break'
            AND classified.is_list_behind
            THEN 'late_update'
            WHEN classified.match_class IN ('missing_in_webhook', 'webhook_state_break')
            THEN 'webhook_lost'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(classified.list_state AS TEXT) AS list_state,
        CAST(classified.asn_state AS TEXT) AS asn_state,
        CAST(webhook_returns.webhook_state AS TEXT) AS webhook_state,
        CAST(classified.list_label_status AS TEXT) AS list_label_status,
        CAST(classified.asn_label_status AS TEXT) AS asn_label_status,
        CAST(classified.list_lines AS BIGINT) AS list_lines,
        CAST(classified.asn_lines AS BIGINT) AS asn_lines,
        CAST(classified.asn_id AS TEXT) AS asn_id,
        CAST(classified.line_item_id AS TEXT) AS line_item_id,
        CAST(COALESCE(webhook_returns.delivery_count, 0) AS BIGINT) AS webhook_deliveries,
        CAST(webhook_returns.first_received_at AS TIMESTAMPTZ) AS webhook_first_received_at,
        CAST(webhook_returns.last_received_at AS TIMESTAMPTZ) AS webhook_last_received_at,
        CAST(classified.updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
    LEFT JOIN webhook_returns
        ON webhook_returns.return_id = classified.return_id
)
SELECT
    *
FROM final
