MODEL (
    name staging.stg_shopify_refunds,
    kind FULL,
    description 'One row per Shopify refund that Loop shows on a return.',
    tags (
        per_return
    ),
    grain (return_id, refund_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        refund_no = 'Place of the refund in the return, from 1',
        shopify_refund_object_id = 'Loop''s id of the refund',
        provider_refund_id = 'Shopify''s id of the refund',
        created_at = 'When it was made, UTC',
        updated_at = 'When Loop last changed it, UTC',
        provider_created_at = 'When Shopify made it, UTC',
        unknown_fields = 'Fields that nobody knows, as a JSON object; null when none',
        unfit_values = 'Values that did not fit their column, as a JSON object of column and text; null when none',
        load_id = 'Load that wrote the row'
    ),
    audits (
        not_null(columns := (return_id, refund_no)),
        unique_combination_of_columns(columns := (return_id, refund_no))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.returns__shopify_refund_object
), final AS (
    SELECT
        CAST(rows_of.return_id AS TEXT) AS return_id,
        CAST(rows_of.list_idx + 1 AS BIGINT) AS refund_no,
        CAST(@cleaned(rows_of.id) AS TEXT) AS shopify_refund_object_id,
        CAST(@cleaned(rows_of.provider_refund_id) AS TEXT) AS provider_refund_id,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(rows_of.provider_created_at AS TIMESTAMPTZ) AS provider_created_at,
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
