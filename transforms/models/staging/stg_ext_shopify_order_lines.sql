MODEL (
    name staging.stg_ext_shopify_order_lines,
    kind FULL,
    description 'One row per line of a Shopify order.',
    grain (order_id, line_id),
    column_descriptions (
        order_id = 'Shopify''s id of the order',
        line_id = 'Shopify''s id of the line',
        sku = 'Stock-keeping unit',
        quantity = 'Units',
        price = 'Price of one unit before discount and tax',
        discount = 'Discount on the whole line',
        tax = 'Tax on the whole line',
        currency = 'Currency of the amounts, ISO 4217',
        created_at = 'When the line came to the order',
        shopify_return_id = 'Shopify''s return whose exchange added the line; empty for what was bought',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (order_id, line_id, quantity, price, currency, created_at)),
        unique_combination_of_columns(columns := (order_id, line_id))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.shopify_order_lines
), final AS (
    SELECT
        CAST(rows_of.order_id AS TEXT) AS order_id,
        CAST(rows_of.line_id AS TEXT) AS line_id,
        CAST(rows_of.sku AS TEXT) AS sku,
        CAST(rows_of.quantity AS BIGINT) AS quantity,
        CAST(rows_of.price AS DECIMAL(18, 4)) AS price,
        CAST(rows_of.discount AS DECIMAL(18, 4)) AS discount,
        CAST(rows_of.tax AS DECIMAL(18, 4)) AS tax,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.shopify_return_id AS TEXT) AS shopify_return_id,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
