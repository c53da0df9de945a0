MODEL (
    name staging.stg_ext_receipts,
    kind FULL,
    description 'One row per line of a receipt: units of one SKU that a warehouse counted.',
    grain (receipt_id, receipt_line_id, return_ref, tracking_number, sku, barcode, condition),
    column_descriptions (
        receipt_id = 'The warehouse''s id of the receipt',
        receipt_line_id = 'Line of the receipt; needed when two lines are alike',
        return_ref = 'Return as the warehouse writes it: Loop''s id, with or without letters',
        tracking_number = 'Tracking number of the parcel',
        order_name = 'Name of the order, as #1001',
        sku = 'Stock-keeping unit',
        barcode = 'Barcode of the unit',
        quantity = 'Units that were counted',
        received_at = 'When they were counted',
        condition = 'Condition that the warehouse saw, in its words',
        source_status = 'Status at the warehouse, in its words',
        loop_return_id = 'Loop''s id of the return: the one number in return_ref',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (receipt_id, quantity, received_at)),
        unique_combination_of_columns(columns := (read_from, read_row))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.receipts
), final AS (
    SELECT
        CAST(rows_of.receipt_id AS TEXT) AS receipt_id,
        CAST(rows_of.receipt_line_id AS TEXT) AS receipt_line_id,
        CAST(rows_of.return_ref AS TEXT) AS return_ref,
        CAST(rows_of.tracking_number AS TEXT) AS tracking_number,
        CAST(rows_of.order_name AS TEXT) AS order_name,
        CAST(rows_of.sku AS TEXT) AS sku,
        CAST(rows_of.barcode AS TEXT) AS barcode,
        CAST(rows_of.quantity AS BIGINT) AS quantity,
        CAST(rows_of.received_at AS TIMESTAMPTZ) AS received_at,
        CAST(rows_of.condition AS TEXT) AS condition,
        CAST(rows_of.source_status AS TEXT) AS source_status,
        CAST(rows_of.loop_return_id AS TEXT) AS loop_return_id,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
