MODEL (
    name staging.stg_return_lines,
    kind FULL,
    description 'One row per returned unit: what it was, what it was worth, why it came back, and how it was graded.',
    tags (
        per_return
    ),
    grain (return_id, line_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        line_no = 'Place of the line in the return, from 1',
        line_item_id = 'Loop''s id of the line; tested for uniqueness, not trusted',
        provider_line_item_id = 'Shopify''s id of the order line',
        product_id = 'Shopify''s product',
        variant_id = 'Shopify''s variant',
        sku = 'Stock keeping unit',
        barcode = 'Barcode',
        title = 'Product title',
        price = 'Price of the unit; can be negative',
        discount = 'Discount on the unit',
        tax = 'Tax on the unit',
        refund = 'Cash promised to the original payment',
        refund_item = 'Cash part of the goods',
        refund_tax = 'Cash part of the tax',
        returned_at = 'When the line was returned, UTC',
        exchange_variant = 'Variant wanted instead',
        return_reason = 'Reason',
        parent_return_reason = 'Group of the reason',
        outcome = 'What the customer gets, as Loop says',
        provider_restock_location_id = 'Shopify location to restock',
        consolidation_tracking = 'Tracking number of a consolidated box',
        consolidation_destination_id = 'Warehouse of a consolidated box',
        unknown_fields = 'Fields that nobody knows, as a JSON object; null when none',
        unfit_values = 'Values that did not fit their column, as a JSON object of column and text; null when none',
        condition_category = 'Grade given at the warehouse: grade_a to grade_d, incorrect_item, missing, junk; a text up to API version 2026-07, an object from 2026-10 on',
        inspected_at_text = 'When it was graded, as Loop writes it',
        disposition_outcome = 'What became of the goods',
        load_id = 'Load that wrote the row'
    ),
    audits (
        not_null(columns := (return_id, line_no)),
        unique_combination_of_columns(columns := (return_id, line_no))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.returns__line_items
), final AS (
    SELECT
        CAST(rows_of.return_id AS TEXT) AS return_id,
        CAST(rows_of.list_idx + 1 AS BIGINT) AS line_no,
        CAST(@cleaned(rows_of.line_item_id) AS TEXT) AS line_item_id,
        CAST(@cleaned(rows_of.provider_line_item_id) AS TEXT) AS provider_line_item_id,
        CAST(@cleaned(rows_of.product_id) AS TEXT) AS product_id,
        CAST(@cleaned(rows_of.variant_id) AS TEXT) AS variant_id,
        CAST(@cleaned(rows_of.sku) AS TEXT) AS sku,
        CAST(@cleaned(rows_of.barcode) AS TEXT) AS barcode,
        CAST(@cleaned(rows_of.title) AS TEXT) AS title,
        CAST(rows_of.price AS DECIMAL(18, 4)) AS price,
        CAST(rows_of.discount AS DECIMAL(18, 4)) AS discount,
        CAST(rows_of.tax AS DECIMAL(18, 4)) AS tax,
        CAST(rows_of.refund AS DECIMAL(18, 4)) AS refund,
        CAST(rows_of.refund_item AS DECIMAL(18, 4)) AS refund_item,
        CAST(rows_of.refund_tax AS DECIMAL(18, 4)) AS refund_tax,
        CAST(rows_of.returned_at AS TIMESTAMPTZ) AS returned_at,
        CAST(@cleaned(rows_of.exchange_variant) AS TEXT) AS exchange_variant,
        CAST(@cleaned(rows_of.return_reason) AS TEXT) AS return_reason,
        CAST(@cleaned(rows_of.parent_return_reason) AS TEXT) AS parent_return_reason,
        CAST(@cleaned(rows_of.outcome) AS TEXT) AS outcome,
        CAST(@cleaned(rows_of.provider_restock_location_id) AS TEXT) AS provider_restock_location_id,
        CAST(@cleaned(rows_of.consolidation_tracking) AS TEXT) AS consolidation_tracking,
        CAST(@cleaned(rows_of.consolidation_destination_id) AS TEXT) AS consolidation_destination_id,
        CAST(rows_of.unknown_fields AS TEXT) AS unknown_fields,
        CAST(rows_of.unfit_values AS TEXT) AS unfit_values,
        CAST(LOWER(
            @cleaned(
                CASE
                    WHEN LEFT(rows_of.condition ->> '$.condition_category', 1) = '{'
                    THEN COALESCE(
                        rows_of.condition ->> '$.condition_category.name',
                        rows_of.condition ->> '$.condition_category.value',
                        rows_of.condition ->> '$.condition_category.category'
                    )
                    ELSE rows_of.condition ->> '$.condition_category'
                END
            )
        ) AS TEXT) AS condition_category,
        CAST(rows_of.condition ->> '$.inspected_at' AS TEXT) AS inspected_at_text,
        CAST(LOWER(@cleaned(rows_of.disposition ->> '$.disposition_outcome')) AS TEXT) AS disposition_outcome,
        CAST(rows_of._dlt_load_id AS TEXT) AS load_id
    FROM rows_of
    WHERE
        COALESCE(rows_of.is_removed, FALSE) = FALSE
)
SELECT
    *
FROM final
