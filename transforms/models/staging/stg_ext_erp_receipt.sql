MODEL (
    name staging.stg_ext_erp_receipt,
    kind FULL,
    description 'One row per line of an item receipt in the ERP, or the whole of it.',
    grain (erp_receipt_id, line_id),
    column_descriptions (
        erp_receipt_id = 'The ERP''s id of the item receipt',
        line_id = 'Line of the document; empty when a row is a whole document',
        rma_id = 'The ERP''s id of the return authorisation',
        loop_return_id = 'Loop''s id of the return, the RMA number',
        order_ref = 'Order as the ERP names it',
        sku = 'Stock-keeping unit',
        quantity = 'Units',
        status = 'Status in the ERP''s words',
        received_at = 'When it was booked',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (erp_receipt_id, received_at)),
        unique_combination_of_columns(columns := (read_from, read_row))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.erp_receipt
), final AS (
    SELECT
        CAST(rows_of.erp_receipt_id AS TEXT) AS erp_receipt_id,
        CAST(rows_of.line_id AS TEXT) AS line_id,
        CAST(rows_of.rma_id AS TEXT) AS rma_id,
        CAST(rows_of.loop_return_id AS TEXT) AS loop_return_id,
        CAST(rows_of.order_ref AS TEXT) AS order_ref,
        CAST(rows_of.sku AS TEXT) AS sku,
        CAST(rows_of.quantity AS BIGINT) AS quantity,
        CAST(rows_of.status AS TEXT) AS status,
        CAST(rows_of.received_at AS TIMESTAMPTZ) AS received_at,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
