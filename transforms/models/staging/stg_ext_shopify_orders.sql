MODEL (
    name staging.stg_ext_shopify_orders,
    kind FULL,
    description 'One row per Shopify order.',
    grain order_id,
    column_descriptions (
        order_id = 'Shopify''s id of the order',
        name = 'Name of the order, as #1001',
        created_at = 'When it was placed',
        total = 'What was to be paid, after discounts, with tax and shipping',
        currency = 'Currency of the amounts, ISO 4217',
        discount = 'Discounts on the order, the loop discount among them',
        tax = 'Tax in the total',
        source_name = 'Channel or app that made it; Loop''s app is 1662707',
        tags = 'Tags, parted by commas',
        discount_codes = 'Discount codes, parted by commas',
        cancelled_at = 'When it was cancelled; empty when it was not',
        customer = 'Customer''s e-mail address',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (order_id, name, created_at, total, currency)),
        unique_values(columns := (
            order_id
        ))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.shopify_orders
), final AS (
    SELECT
        CAST(rows_of.order_id AS TEXT) AS order_id,
        CAST(rows_of.name AS TEXT) AS name,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.total AS DECIMAL(18, 4)) AS total,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(rows_of.discount AS DECIMAL(18, 4)) AS discount,
        CAST(rows_of.tax AS DECIMAL(18, 4)) AS tax,
        CAST(rows_of.source_name AS TEXT) AS source_name,
        CAST(rows_of.tags AS TEXT) AS tags,
        CAST(rows_of.discount_codes AS TEXT) AS discount_codes,
        CAST(rows_of.cancelled_at AS TIMESTAMPTZ) AS cancelled_at,
        CAST(rows_of.customer AS TEXT) AS customer,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
