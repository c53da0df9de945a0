MODEL (
    name marts.recon_receipt_lines,
    kind FULL,
    description 'One row per return and item: units that should come back against units that the warehouse counted. Empty counts without the receipts.',
    grain (return_id, item),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        item = 'SKU of the item; its barcode where it has none',
        expected_units = 'Units that Loop says come back; 0: nobody expected the item',
        received_units = 'Units that the warehouse counted, in all receipts',
        missing_units = 'Units expected and not counted',
        surplus_units = 'Units counted and not expected',
        bad_units = 'Units that the warehouse found in a bad condition ([receipts] bad_grades)',
        first_received_at = 'When the first unit was counted, UTC',
        last_received_at = 'When the last unit was counted, UTC'
    ),
    audits (
        not_null(columns := (return_id, item, expected_units, received_units)),
        unique_combination_of_columns(columns := (return_id, item))
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
), receipts AS (
    SELECT
        *
    FROM staging.stg_ext_receipts
), line_items AS (
    SELECT
        return_lines.return_id,
        return_lines.sku,
        return_lines.barcode,
        COALESCE(return_lines.sku, return_lines.barcode, 'unknown') AS item
    FROM return_lines
), expected AS (
    SELECT
        line_items.return_id,
        line_items.item,
        COUNT(*) AS units
    FROM line_items
    GROUP BY
        line_items.return_id,
        line_items.item
), trackings AS (
    SELECT
        returns.tracking_number,
        returns.return_id
    FROM returns
    UNION ALL
    SELECT
        labels.tracking_number,
        labels.return_id
    FROM labels
), parcels AS (
    SELECT
        trackings.tracking_number,
        MIN(trackings.return_id) AS return_id
    FROM trackings
    WHERE
        NOT trackings.tracking_number IS NULL
    GROUP BY
        trackings.tracking_number
    HAVING
        MIN(trackings.return_id) = MAX(trackings.return_id)
), order_items AS (
    /* The last resort: an order with one return that has the item. */
    SELECT
        returns.order_name,
        expected.item,
        MIN(returns.return_id) AS return_id
    FROM returns
    INNER JOIN expected
        ON expected.return_id = returns.return_id
    WHERE
        NOT returns.order_name IS NULL
    GROUP BY
        returns.order_name,
        expected.item
    HAVING
        MIN(returns.return_id) = MAX(returns.return_id)
), counted AS (
    SELECT
        COALESCE(returns.return_id, parcels.return_id, order_items.return_id) AS return_id,
        receipts.sku,
        receipts.barcode,
        receipts.quantity,
        receipts.received_at,
        LOWER(receipts.condition) IN (@EACH(@receipts_bad_grades, grade -> grade)) AS is_bad
    FROM receipts
    LEFT JOIN returns
        ON returns.return_id = receipts.loop_return_id
    LEFT JOIN parcels
        ON parcels.tracking_number = receipts.tracking_number
    LEFT JOIN order_items
        ON order_items.order_name = receipts.order_name
        AND order_items.item = COALESCE(receipts.sku, receipts.barcode)
), by_barcode AS (
    SELECT
        line_items.return_id,
        line_items.barcode,
        MIN(line_items.item) AS item
    FROM line_items
    WHERE
        NOT line_items.barcode IS NULL
    GROUP BY
        line_items.return_id,
        line_items.barcode
), received AS (
    SELECT
        counted.return_id,
        COALESCE(expected.item, by_barcode.item, counted.sku, counted.barcode, 'unknown') AS item,
        SUM(counted.quantity) AS units,
        SUM(CASE WHEN counted.is_bad THEN counted.quantity ELSE 0 END) AS bad_units,
        MIN(counted.received_at) AS first_received_at,
        MAX(counted.received_at) AS last_received_at
    FROM counted
    LEFT JOIN expected
        ON expected.return_id = counted.return_id AND expected.item = counted.sku
    LEFT JOIN by_barcode
        ON by_barcode.return_id = counted.return_id AND by_barcode.barcode = counted.barcode
    WHERE
        NOT counted.return_id IS NULL
    GROUP BY
        counted.return_id,
        COALESCE(expected.item, by_barcode.item, counted.sku, counted.barcode, 'unknown')
), final AS (
    SELECT
        CAST(COALESCE(expected.return_id, received.return_id) AS TEXT) AS return_id,
        CAST(COALESCE(expected.item, received.item) AS TEXT) AS item,
        CAST(COALESCE(expected.units, 0) AS BIGINT) AS expected_units,
        CAST(COALESCE(received.units, 0) AS BIGINT) AS received_units,
        CAST(GREATEST(COALESCE(expected.units, 0) - COALESCE(received.units, 0), 0) AS BIGINT) AS missing_units,
        CAST(GREATEST(COALESCE(received.units, 0) - COALESCE(expected.units, 0), 0) AS BIGINT) AS surplus_units,
        CAST(COALESCE(received.bad_units, 0) AS BIGINT) AS bad_units,
        CAST(received.first_received_at AS TIMESTAMPTZ) AS first_received_at,
        CAST(received.last_received_at AS TIMESTAMPTZ) AS last_received_at
    FROM expected
    FULL JOIN received
        ON received.return_id = expected.return_id AND received.item = expected.item
)
SELECT
    *
FROM final
