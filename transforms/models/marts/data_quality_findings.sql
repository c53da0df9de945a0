MODEL (
    name marts.data_quality_findings,
    kind FULL,
    description 'One row per value of a row that is not as it should be: which check found it, and in which return.',
    grain (check_id, entity, field),
    column_descriptions (
        check_id = 'Check: staging.seed_checks says what a finding means',
        source = 'Raw table',
        entity = 'Row it was found in',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null when a notice fits no return',
        field = 'Field or column',
        value = 'What stands there; null for an unknown field, which may be personal',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (check_id, entity, field)),
        unique_combination_of_columns(columns := (check_id, entity, field))
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
), kept_aside AS (
    SELECT
        *
    FROM staging.stg_kept_aside
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), label_statuses AS (
    SELECT
        *
    FROM staging.seed_label_statuses
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), outcomes AS (
    SELECT
        *
    FROM staging.seed_outcomes
), repeated_lines AS (
    SELECT
        return_lines.line_item_id
    FROM return_lines
    WHERE
        NOT return_lines.line_item_id IS NULL
    GROUP BY
        return_lines.line_item_id
    HAVING
        COUNT(*) > 1
), amounts AS (
    SELECT
        'returns' AS source,
        'return:' || returns.return_id AS entity,
        returns.return_id AS return_id,
        fields.field,
        CASE fields.field
            WHEN 'return_product_total'
            THEN returns.return_product_total
            WHEN 'return_discount_total'
            THEN returns.return_discount_total
            WHEN 'return_tax_total'
            THEN returns.return_tax_total
            WHEN 'return_total'
            THEN returns.return_total
            WHEN 'return_credit_total'
            THEN returns.return_credit_total
            WHEN 'refund_shipping_total'
            THEN returns.refund_shipping_total
            WHEN 'refund_shipping_tax_total'
            THEN returns.refund_shipping_tax_total
            WHEN 'exchange_product_total'
            THEN returns.exchange_product_total
            WHEN 'exchange_discount_total'
            THEN returns.exchange_discount_total
            WHEN 'exchange_tax_total'
            THEN returns.exchange_tax_total
            WHEN 'exchange_total'
            THEN returns.exchange_total
            WHEN 'exchange_credit_total'
            THEN returns.exchange_credit_total
            WHEN 'gift_card'
            THEN returns.gift_card
            WHEN 'handling_fee'
            THEN returns.handling_fee
            WHEN 'refund'
            THEN returns.refund
            WHEN 'upsell'
            THEN returns.upsell
        END AS amount
    FROM returns
    CROSS JOIN (
        SELECT
            'return_product_total' AS field
        UNION ALL
        SELECT
            'return_discount_total' AS field
        UNION ALL
        SELECT
            'return_tax_total' AS field
        UNION ALL
        SELECT
            'return_total' AS field
        UNION ALL
        SELECT
            'return_credit_total' AS field
        UNION ALL
        SELECT
            'refund_shipping_total' AS field
        UNION ALL
        SELECT
            'refund_shipping_tax_total' AS field
        UNION ALL
        SELECT
            'exchange_product_total' AS field
        UNION ALL
        SELECT
            'exchange_discount_total' AS field
        UNION ALL
        SELECT
            'exchange_tax_total' AS field
        UNION ALL
        SELECT
            'exchange_total' AS field
        UNION ALL
        SELECT
            'exchange_credit_total' AS field
        UNION ALL
        SELECT
            'gift_card' AS field
        UNION ALL
        SELECT
            'handling_fee' AS field
        UNION ALL
        SELECT
            'refund' AS field
        UNION ALL
        SELECT
            'upsell' AS field
    ) AS fields
    UNION ALL
    SELECT
        'returns__line_items' AS source,
        'line:' || return_lines.return_id || ':' || CAST(return_lines.line_no AS TEXT) AS entity,
        return_lines.return_id AS return_id,
        fields.field,
        CASE fields.field
            WHEN 'refund'
            THEN return_lines.refund
            WHEN 'refund_item'
            THEN return_lines.refund_item
            WHEN 'refund_tax'
            THEN return_lines.refund_tax
        END AS amount
    FROM return_lines
    CROSS JOIN (
        SELECT
            'refund' AS field
        UNION ALL
        SELECT
            'refund_item' AS field
        UNION ALL
        SELECT
            'refund_tax' AS field
    ) AS fields
), instants AS (
    SELECT
        'returns' AS source,
        'return:' || returns.return_id AS entity,
        returns.return_id AS return_id,
        fields.field,
        CASE fields.field
            WHEN 'created_at'
            THEN returns.created_at
            WHEN 'updated_at'
            THEN returns.updated_at
            WHEN 'edited_at'
            THEN returns.edited_at
            WHEN 'label_updated_at'
            THEN returns.label_updated_at
        END AS instant
    FROM returns
    CROSS JOIN (
        SELECT
            'created_at' AS field
        UNION ALL
        SELECT
            'updated_at' AS field
        UNION ALL
        SELECT
            'edited_at' AS field
        UNION ALL
        SELECT
            'label_updated_at' AS field
    ) AS fields
    UNION ALL
    SELECT
        'returns__labels' AS source,
        'label:' || labels.return_id || ':' || CAST(labels.label_no AS TEXT) AS entity,
        labels.return_id AS return_id,
        fields.field,
        CASE fields.field WHEN 'label_updated_at' THEN labels.label_updated_at END AS instant
    FROM labels
    CROSS JOIN (
        SELECT
            'label_updated_at' AS field
    ) AS fields
    UNION ALL
    SELECT
        'advanced_shipping_notices' AS source,
        'asn_line:' || shipping_notices.line_item_id || ':' || shipping_notices.asn_id AS entity,
        notice_returns.return_id AS return_id,
        fields.field,
        CASE fields.field
            WHEN 'created_at'
            THEN shipping_notices.created_at
            WHEN 'updated_at'
            THEN shipping_notices.updated_at
            WHEN 'closed_at'
            THEN shipping_notices.closed_at
            WHEN 'label_updated_at'
            THEN shipping_notices.label_updated_at
            WHEN 'date_delivered'
            THEN shipping_notices.date_delivered
        END AS instant
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    CROSS JOIN (
        SELECT
            'created_at' AS field
        UNION ALL
        SELECT
            'updated_at' AS field
        UNION ALL
        SELECT
            'closed_at' AS field
        UNION ALL
        SELECT
            'label_updated_at' AS field
        UNION ALL
        SELECT
            'date_delivered' AS field
    ) AS fields
), found AS (
    SELECT
        'unknown_state' AS check_id,
        'returns' AS source,
        'return:' || returns.return_id AS entity,
        returns.return_id AS return_id,
        'state' AS field,
        returns.state AS value
    FROM returns
    LEFT JOIN return_states
        ON return_states.state = returns.state
    WHERE
        NOT returns.state IS NULL AND return_states.state IS NULL
    UNION ALL
    SELECT
        'unknown_state' AS check_id,
        'advanced_shipping_notices' AS source,
        'asn_line:' || shipping_notices.line_item_id || ':' || shipping_notices.asn_id AS entity,
        notice_returns.return_id AS return_id,
        'state' AS field,
        shipping_notices.state AS value
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    LEFT JOIN return_states
        ON return_states.state = shipping_notices.state
    WHERE
        NOT shipping_notices.state IS NULL AND return_states.state IS NULL
    UNION ALL
    SELECT
        'unknown_label_status' AS check_id,
        'returns' AS source,
        'return:' || returns.return_id AS entity,
        returns.return_id AS return_id,
        'label_status' AS field,
        returns.label_status AS value
    FROM returns
    LEFT JOIN label_statuses
        ON label_statuses.label_status = returns.label_status
    WHERE
        NOT returns.label_status IS NULL AND label_statuses.label_status IS NULL
    UNION ALL
    SELECT
        'unknown_label_status' AS check_id,
        'returns__labels' AS source,
        'label:' || labels.return_id || ':' || CAST(labels.label_no AS TEXT) AS entity,
        labels.return_id AS return_id,
        'label_status' AS field,
        labels.label_status AS value
    FROM labels
    LEFT JOIN label_statuses
        ON label_statuses.label_status = labels.label_status
    WHERE
        NOT labels.label_status IS NULL AND label_statuses.label_status IS NULL
    UNION ALL
    SELECT
        'unknown_label_status' AS check_id,
        'advanced_shipping_notices' AS source,
        'asn_line:' || shipping_notices.line_item_id || ':' || shipping_notices.asn_id AS entity,
        notice_returns.return_id AS return_id,
        'label_status' AS field,
        shipping_notices.label_status AS value
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    LEFT JOIN label_statuses
        ON label_statuses.label_status = shipping_notices.label_status
    WHERE
        NOT shipping_notices.label_status IS NULL AND label_statuses.label_status IS NULL
    UNION ALL
    SELECT
        'unknown_currency' AS check_id,
        'returns' AS source,
        'return:' || returns.return_id AS entity,
        returns.return_id AS return_id,
        'currency' AS field,
        returns.currency AS value
    FROM returns
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
    WHERE
        NOT returns.currency IS NULL AND currencies.currency IS NULL
    UNION ALL
    SELECT
        'unknown_currency' AS check_id,
        'advanced_shipping_notices' AS source,
        'asn_line:' || shipping_notices.line_item_id || ':' || shipping_notices.asn_id AS entity,
        notice_returns.return_id AS return_id,
        'currency' AS field,
        shipping_notices.currency AS value
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    LEFT JOIN currencies
        ON currencies.currency = shipping_notices.currency
    WHERE
        NOT shipping_notices.currency IS NULL AND currencies.currency IS NULL
    UNION ALL
    SELECT
        kept_aside.check_id,
        kept_aside.source,
        kept_aside.entity,
        kept_aside.return_id,
        kept_aside.field,
        kept_aside.value
    FROM kept_aside
    UNION ALL
    SELECT
        'duplicate_line_item_id' AS check_id,
        'returns__line_items' AS source,
        'line:' || return_lines.return_id || ':' || CAST(return_lines.line_no AS TEXT) AS entity,
        return_lines.return_id,
        'line_item_id' AS field,
        return_lines.line_item_id AS value
    FROM return_lines
    INNER JOIN repeated_lines
        ON repeated_lines.line_item_id = return_lines.line_item_id
    UNION ALL
    SELECT
        'negative_amount' AS check_id,
        amounts.source,
        amounts.entity,
        amounts.return_id,
        amounts.field,
        CAST(amounts.amount AS TEXT) AS value
    FROM amounts
    WHERE
        amounts.amount < 0
    UNION ALL
    SELECT
        'future_date' AS check_id,
        instants.source,
        instants.entity,
        instants.return_id,
        instants.field,
        @instant_text(instants.instant) AS value
    FROM instants
    WHERE
        instants.instant > CAST(@execution_ts AS TIMESTAMPTZ) + INTERVAL '1' DAY
    UNION ALL
    SELECT
        'outcome_disagrees' AS check_id,
        'returns' AS source,
        'return:' || returns.return_id AS entity,
        returns.return_id,
        'outcome' AS field,
        returns.outcome || ' against ' || returns.outcome_derived AS value
    FROM returns
    LEFT JOIN outcomes
        ON outcomes.outcome = LOWER(returns.outcome)
    WHERE
        NOT returns.outcome_derived IS NULL
        AND NOT returns.outcome IS NULL
        AND COALESCE(outcomes.canonical_outcome, '-') <> returns.outcome_derived
), final AS (
    SELECT
        CAST(found.check_id AS TEXT) AS check_id,
        CAST(found.source AS TEXT) AS source,
        CAST(found.entity AS TEXT) AS entity,
        CAST(found.return_id AS TEXT) AS return_id,
        CAST(found.field AS TEXT) AS field,
        CAST(found.value AS TEXT) AS value,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM found
)
SELECT
    *
FROM final
