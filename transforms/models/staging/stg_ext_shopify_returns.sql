MODEL (
    name staging.stg_ext_shopify_returns,
    kind FULL,
    description 'One row per return as Shopify itself keeps it.',
    grain shopify_return_id,
    column_descriptions (
        shopify_return_id = 'Shopify''s id of the return',
        order_id = 'Shopify''s id of the order',
        status = 'REQUESTED, OPEN, CLOSED, DECLINED or CANCELED',
        created_at = 'When it was made',
        exchange_line_count = 'Lines that its exchange added to the order',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (shopify_return_id, order_id, status, created_at)),
        unique_values(columns := (
            shopify_return_id
        ))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.shopify_returns
), final AS (
    SELECT
        CAST(rows_of.shopify_return_id AS TEXT) AS shopify_return_id,
        CAST(rows_of.order_id AS TEXT) AS order_id,
        CAST(UPPER(rows_of.status) AS TEXT) AS status,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.exchange_line_count AS BIGINT) AS exchange_line_count,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
