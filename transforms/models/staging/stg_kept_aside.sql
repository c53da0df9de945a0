MODEL (
    name staging.stg_kept_aside,
    kind FULL,
    description 'One row per value that was kept aside when a row was read: a field that nobody knows, or a value that did not fit its column.',
    grain (check_id, entity, field),
    column_descriptions (
        check_id = 'unknown_field or unfit_value',
        source = 'Raw table',
        entity = 'Row it was found in',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null when a notice fits no return',
        field = 'Field or column',
        value = 'Text that did not fit; null for an unknown field, which may be personal'
    ),
    audits (
        not_null(columns := (check_id, entity, field)),
        unique_combination_of_columns(columns := (check_id, entity, field))
    )
);

WITH returns AS (
    SELECT
        *
    FROM loop_raw.returns
), returns__line_items AS (
    SELECT
        *
    FROM loop_raw.returns__line_items
), returns__exchanges AS (
    SELECT
        *
    FROM loop_raw.returns__exchanges
), returns__labels AS (
    SELECT
        *
    FROM loop_raw.returns__labels
), returns__shopify_refund_object AS (
    SELECT
        *
    FROM loop_raw.returns__shopify_refund_object
), advanced_shipping_notices AS (
    SELECT
        *
    FROM loop_raw.advanced_shipping_notices
), notice_returns AS (
    SELECT
        *
    FROM staging.stg_notice_returns
), kept_aside AS (
    SELECT
        'unknown_field' AS check_id,
        'returns' AS source,
        'return:' || returns.id AS entity,
        returns.id AS return_id,
        @as_json(returns.unknown_fields) AS kept
    FROM returns
    WHERE
        NOT returns.unknown_fields IS NULL
    UNION ALL
    SELECT
        'unfit_value' AS check_id,
        'returns' AS source,
        'return:' || returns.id AS entity,
        returns.id AS return_id,
        @as_json(returns.unfit_values) AS kept
    FROM returns
    WHERE
        NOT returns.unfit_values IS NULL
    UNION ALL
    SELECT
        'unknown_field' AS check_id,
        'returns__line_items' AS source,
        'line:' || returns__line_items.return_id || ':' || CAST(returns__line_items.list_idx + 1 AS TEXT) AS entity,
        returns__line_items.return_id AS return_id,
        @as_json(returns__line_items.unknown_fields) AS kept
    FROM returns__line_items
    WHERE
        COALESCE(returns__line_items.is_removed, FALSE) = FALSE
        AND NOT returns__line_items.unknown_fields IS NULL
    UNION ALL
    SELECT
        'unfit_value' AS check_id,
        'returns__line_items' AS source,
        'line:' || returns__line_items.return_id || ':' || CAST(returns__line_items.list_idx + 1 AS TEXT) AS entity,
        returns__line_items.return_id AS return_id,
        @as_json(returns__line_items.unfit_values) AS kept
    FROM returns__line_items
    WHERE
        COALESCE(returns__line_items.is_removed, FALSE) = FALSE
        AND NOT returns__line_items.unfit_values IS NULL
    UNION ALL
    SELECT
        'unknown_field' AS check_id,
        'returns__exchanges' AS source,
        'exchange:' || returns__exchanges.return_id || ':' || CAST(returns__exchanges.list_idx + 1 AS TEXT) AS entity,
        returns__exchanges.return_id AS return_id,
        @as_json(returns__exchanges.unknown_fields) AS kept
    FROM returns__exchanges
    WHERE
        COALESCE(returns__exchanges.is_removed, FALSE) = FALSE
        AND NOT returns__exchanges.unknown_fields IS NULL
    UNION ALL
    SELECT
        'unfit_value' AS check_id,
        'returns__exchanges' AS source,
        'exchange:' || returns__exchanges.return_id || ':' || CAST(returns__exchanges.list_idx + 1 AS TEXT) AS entity,
        returns__exchanges.return_id AS return_id,
        @as_json(returns__exchanges.unfit_values) AS kept
    FROM returns__exchanges
    WHERE
        COALESCE(returns__exchanges.is_removed, FALSE) = FALSE
        AND NOT returns__exchanges.unfit_values IS NULL
    UNION ALL
    SELECT
        'unknown_field' AS check_id,
        'returns__labels' AS source,
        'label:' || returns__labels.return_id || ':' || CAST(returns__labels.list_idx + 1 AS TEXT) AS entity,
        returns__labels.return_id AS return_id,
        @as_json(returns__labels.unknown_fields) AS kept
    FROM returns__labels
    WHERE
        COALESCE(returns__labels.is_removed, FALSE) = FALSE AND NOT returns__labels.unknown_fields IS NULL
    UNION ALL
    SELECT
        'unfit_value' AS check_id,
        'returns__labels' AS source,
        'label:' || returns__labels.return_id || ':' || CAST(returns__labels.list_idx + 1 AS TEXT) AS entity,
        returns__labels.return_id AS return_id,
        @as_json(returns__labels.unfit_values) AS kept
    FROM returns__labels
    WHERE
        COALESCE(returns__labels.is_removed, FALSE) = FALSE AND NOT returns__labels.unfit_values IS NULL
    UNION ALL
    SELECT
        'unknown_field' AS check_id,
        'returns__shopify_refund_object' AS source,
        'refund:' || returns__shopify_refund_object.return_id || ':' || CAST(returns__shopify_refund_object.list_idx + 1 AS TEXT) AS entity,
        returns__shopify_refund_object.return_id AS return_id,
        @as_json(returns__shopify_refund_object.unknown_fields) AS kept
    FROM returns__shopify_refund_object
    WHERE
        COALESCE(returns__shopify_refund_object.is_removed, FALSE) = FALSE
        AND NOT returns__shopify_refund_object.unknown_fields IS NULL
    UNION ALL
    SELECT
        'unfit_value' AS check_id,
        'returns__shopify_refund_object' AS source,
        'refund:' || returns__shopify_refund_object.return_id || ':' || CAST(returns__shopify_refund_object.list_idx + 1 AS TEXT) AS entity,
        returns__shopify_refund_object.return_id AS return_id,
        @as_json(returns__shopify_refund_object.unfit_values) AS kept
    FROM returns__shopify_refund_object
    WHERE
        COALESCE(returns__shopify_refund_object.is_removed, FALSE) = FALSE
        AND NOT returns__shopify_refund_object.unfit_values IS NULL
    UNION ALL
    SELECT
        'unknown_field' AS check_id,
        'advanced_shipping_notices' AS source,
        'asn_line:' || advanced_shipping_notices.return_line_item_id || ':' || advanced_shipping_notices.id AS entity,
        notice_returns.return_id AS return_id,
        @as_json(advanced_shipping_notices.unknown_fields) AS kept
    FROM advanced_shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = TRIM(advanced_shipping_notices.id)
        AND notice_returns.line_item_id = TRIM(advanced_shipping_notices.return_line_item_id)
    WHERE
        NOT advanced_shipping_notices.unknown_fields IS NULL
    UNION ALL
    SELECT
        'unfit_value' AS check_id,
        'advanced_shipping_notices' AS source,
        'asn_line:' || advanced_shipping_notices.return_line_item_id || ':' || advanced_shipping_notices.id AS entity,
        notice_returns.return_id AS return_id,
        @as_json(advanced_shipping_notices.unfit_values) AS kept
    FROM advanced_shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = TRIM(advanced_shipping_notices.id)
        AND notice_returns.line_item_id = TRIM(advanced_shipping_notices.return_line_item_id)
    WHERE
        NOT advanced_shipping_notices.unfit_values IS NULL
), named AS (
    SELECT
        kept_aside.*,
        @each_json_key(kept_aside.kept) AS field
    FROM kept_aside
), final AS (
    SELECT
        CAST(named.check_id AS TEXT) AS check_id,
        CAST(named.source AS TEXT) AS source,
        CAST(named.entity AS TEXT) AS entity,
        CAST(named.return_id AS TEXT) AS return_id,
        CAST(named.field AS TEXT) AS field,
        CAST(CASE WHEN named.check_id = 'unfit_value' THEN @json_field(named.kept, named.field) END AS TEXT) AS value
    FROM named
)
SELECT
    *
FROM final
