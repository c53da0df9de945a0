MODEL (
    name staging.stg_ext_erp_credit_memo,
    kind FULL,
    description 'One row per line of a credit memo or customer deposit in the ERP, or the whole of it.',
    grain (credit_memo_id, line_id),
    column_descriptions (
        credit_memo_id = 'The ERP''s id of the document',
        line_id = 'Line of the document; empty when a row is a whole document',
        type = 'custcred: credit memo; custdep: deposit, money taken for an upsell; empty: custcred',
        rma_id = 'The ERP''s id of the return authorisation',
        loop_return_id = 'Loop''s id of the return, the RMA number',
        order_ref = 'Order as the ERP names it',
        sku = 'Stock-keeping unit',
        quantity = 'Units',
        amount = 'Value, tax included',
        currency = 'Currency of the amounts, ISO 4217',
        status = 'Status in the ERP''s words; void, voided and cancelled do not count',
        created_at = 'When it was made',
        refunded_at = 'When a customer refund was applied to it; empty when none was',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (credit_memo_id, amount, currency, created_at)),
        unique_combination_of_columns(columns := (read_from, read_row))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.erp_credit_memo
), final AS (
    SELECT
        CAST(rows_of.credit_memo_id AS TEXT) AS credit_memo_id,
        CAST(rows_of.line_id AS TEXT) AS line_id,
        CAST(LOWER(COALESCE(rows_of.type, 'custcred')) AS TEXT) AS type,
        CAST(rows_of.rma_id AS TEXT) AS rma_id,
        CAST(rows_of.loop_return_id AS TEXT) AS loop_return_id,
        CAST(rows_of.order_ref AS TEXT) AS order_ref,
        CAST(rows_of.sku AS TEXT) AS sku,
        CAST(rows_of.quantity AS BIGINT) AS quantity,
        CAST(rows_of.amount AS DECIMAL(18, 4)) AS amount,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(rows_of.status AS TEXT) AS status,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.refunded_at AS TIMESTAMPTZ) AS refunded_at,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
