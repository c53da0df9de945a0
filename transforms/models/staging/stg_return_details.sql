MODEL (
    name staging.stg_return_details,
    kind FULL,
    description 'One row per return that was read by id: what its details said when they were read last.',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        state = 'State in the details; null when Loop knows no such return',
        updated_at = 'Last change by the details, UTC',
        refund_count = 'Refunds in the details',
        label_count = 'Labels in the details',
        is_known = 'False when Loop knew no return of this id',
        reason = 'Why it was read: webhook, refunds or labels',
        fetched_at = 'When it was read, UTC',
        api_version = 'Version of the API that answered',
        load_id = 'Load that wrote the row'
    ),
    audits (not_null(columns := (
            return_id
        )), unique_values(columns := (
            return_id
    )))
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.return_details
), final AS (
    SELECT
        CAST(rows_of.return_id AS TEXT) AS return_id,
        CAST(LOWER(@cleaned(rows_of.state)) AS TEXT) AS state,
        CAST(rows_of.updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(COALESCE(JSON_ARRAY_LENGTH(rows_of.refunds), 0) AS BIGINT) AS refund_count,
        CAST(COALESCE(JSON_ARRAY_LENGTH(rows_of.labels), 0) AS BIGINT) AS label_count,
        CAST(rows_of.is_known AS BOOLEAN) AS is_known,
        CAST(rows_of.reason AS TEXT) AS reason,
        CAST(rows_of.fetched_at AS TIMESTAMPTZ) AS fetched_at,
        CAST(rows_of.api_version AS TEXT) AS api_version,
        CAST(rows_of._dlt_load_id AS TEXT) AS load_id
    FROM rows_of
)
SELECT
    *
FROM final
