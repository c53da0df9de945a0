MODEL (
    name staging.stg_labels,
    kind FULL,
    description 'One row per label of a return: which parcel, and where it is.',
    tags (
        per_return
    ),
    grain (return_id, label_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        label_no = 'Place of the label in the return, from 1',
        label_status = 'Where the parcel is by the carrier''s scans; null when there is no label',
        carrier = 'Carrier of the label',
        tracking_number = 'Tracking number',
        label_updated_at = 'Last change of the label, UTC',
        label_rate = 'What the label cost; unit unclear',
        line_item_ids = 'Ids of the lines in the parcel, as a JSON array',
        unknown_fields = 'Fields that nobody knows, as a JSON object; null when none',
        unfit_values = 'Values that did not fit their column, as a JSON object of column and text; null when none',
        load_id = 'Load that wrote the row'
    ),
    audits (
        not_null(columns := (return_id, label_no)),
        unique_combination_of_columns(columns := (return_id, label_no))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.returns__labels
), final AS (
    SELECT
        CAST(rows_of.return_id AS TEXT) AS return_id,
        CAST(rows_of.list_idx + 1 AS BIGINT) AS label_no,
        CAST(@cleaned(rows_of.status) AS TEXT) AS label_status,
        CAST(@cleaned(rows_of.carrier) AS TEXT) AS carrier,
        CAST(@cleaned(rows_of.tracking_number) AS TEXT) AS tracking_number,
        CAST(rows_of.updated_at AS TIMESTAMPTZ) AS label_updated_at,
        CAST(rows_of.rate AS DECIMAL(18, 4)) AS label_rate,
        CAST(rows_of.line_items AS TEXT) AS line_item_ids,
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
