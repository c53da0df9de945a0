MODEL (
    name staging.stg_exchanges,
    kind FULL,
    description 'One row per new item of an exchange: what the customer gets instead.',
    tags (
        per_return
    ),
    grain (return_id, exchange_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        exchange_no = 'Place of the new item in the return, from 1',
        exchange_id = 'Loop''s id of the new item',
        exchange_order_id = 'Shopify''s id of the exchange order',
        exchange_order_name = 'Name of the exchange order',
        product_id = 'Shopify''s product',
        variant_id = 'Shopify''s variant',
        sku = 'Stock keeping unit',
        type = 'standard or warranty',
        title = 'Product title',
        price = 'Price of the unit; can be negative',
        discount = 'Discount on the unit',
        tax = 'Tax on the unit',
        total = 'Loop''s total cost of the return; its meaning is unclear, do not use',
        out_of_stock = 'True when the new item was out of stock',
        out_of_stock_resolution = 'What was done about it',
        consolidation_tracking = 'Tracking number of a consolidated box',
        unknown_fields = 'Fields that nobody knows, as a JSON object; null when none',
        unfit_values = 'Values that did not fit their column, as a JSON object of column and text; null when none',
        load_id = 'Load that wrote the row'
    ),
    audits (
        not_null(columns := (return_id, exchange_no)),
        unique_combination_of_columns(columns := (return_id, exchange_no))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.returns__exchanges
), final AS (
    SELECT
        CAST(rows_of.return_id AS TEXT) AS return_id,
        CAST(rows_of.list_idx + 1 AS BIGINT) AS exchange_no,
        CAST(@cleaned(rows_of.exchange_id) AS TEXT) AS exchange_id,
        CAST(@cleaned(rows_of.exchange_order_id) AS TEXT) AS exchange_order_id,
        CAST(@cleaned(rows_of.exchange_order_name) AS TEXT) AS exchange_order_name,
        CAST(@cleaned(rows_of.product_id) AS TEXT) AS product_id,
        CAST(@cleaned(rows_of.variant_id) AS TEXT) AS variant_id,
        CAST(@cleaned(rows_of.sku) AS TEXT) AS sku,
        CAST(@cleaned(rows_of.type) AS TEXT) AS type,
        CAST(@cleaned(rows_of.title) AS TEXT) AS title,
        CAST(rows_of.price AS DECIMAL(18, 4)) AS price,
        CAST(rows_of.discount AS DECIMAL(18, 4)) AS discount,
        CAST(rows_of.tax AS DECIMAL(18, 4)) AS tax,
        CAST(rows_of.total AS DECIMAL(18, 4)) AS total,
        CAST(rows_of.out_of_stock AS BOOLEAN) AS out_of_stock,
        CAST(@cleaned(rows_of.out_of_stock_resolution) AS TEXT) AS out_of_stock_resolution,
        CAST(@cleaned(rows_of.consolidation_tracking) AS TEXT) AS consolidation_tracking,
        CAST(rows_of.unknown_fields AS TEXT) AS unknown_fields,
        CAST(rows_of.unfit_values AS TEXT) AS unfit_values,
        CAST(rows_of._dlt_load_id AS TEXT) AS load_id
    FROM rows_of
    WHERE
        COALESCE(rows_of.is_removed, FALSE) = FALSE
)
SELECT
    *
FROM final
