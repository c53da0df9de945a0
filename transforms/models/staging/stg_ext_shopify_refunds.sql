MODEL (
    name staging.stg_ext_shopify_refunds,
    kind FULL,
    description 'One row per transaction of a Shopify refund; a refund in which no money moved has one row without an amount.',
    grain (refund_id, gateway_name, transaction_id),
    column_descriptions (
        refund_id = 'Shopify''s id of the refund',
        order_id = 'Shopify''s id of the order',
        created_at = 'When the refund was made',
        transaction_amount = 'Money that went back by this transaction; empty or 0: no money moved, only goods',
        currency = 'Currency of the amounts, ISO 4217',
        gateway_name = 'Payment method of the transaction, gift cards too; include all',
        status = 'Status of the transaction; only success counts; empty: success',
        transaction_id = 'Shopify''s id of the transaction; needed when a refund has two alike',
        shop_amount = 'The same money in the shop''s currency, where that is another one',
        shop_currency = 'The shop''s currency',
        shopify_return_id = 'Shopify''s id of its own return',
        is_noted_by_loop = 'True when the note names Loop, false when it does not; empty without a note',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (refund_id, order_id, created_at, currency)),
        unique_combination_of_columns(columns := (read_from, read_row))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.shopify_refunds
), final AS (
    SELECT
        CAST(rows_of.refund_id AS TEXT) AS refund_id,
        CAST(rows_of.order_id AS TEXT) AS order_id,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.transaction_amount AS DECIMAL(18, 4)) AS transaction_amount,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(rows_of.gateway_name AS TEXT) AS gateway_name,
        CAST(LOWER(COALESCE(rows_of.status, 'success')) AS TEXT) AS status,
        CAST(rows_of.transaction_id AS TEXT) AS transaction_id,
        CAST(rows_of.shop_amount AS DECIMAL(18, 4)) AS shop_amount,
        CAST(rows_of.shop_currency AS TEXT) AS shop_currency,
        CAST(rows_of.shopify_return_id AS TEXT) AS shopify_return_id,
        CAST(rows_of.is_noted_by_loop AS BOOLEAN) AS is_noted_by_loop,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
