MODEL (
    name staging.stg_extracts,
    kind FULL,
    description 'One row per extract of another system that can be: whether it is here, and how fresh it is.',
    grain name,
    column_descriptions (
        name = 'Name of the extract',
        is_present = 'True when loop.toml names a source of it and that was read',
        newest_at = 'Newest time in it, UTC; null when it is absent or empty',
        rows = 'Rows that were taken',
        rejected = 'Rows that were not, see ext.rejects',
        read_at = 'When it was read, UTC'
    ),
    audits (not_null(columns := (name, is_present, rows, rejected)), unique_values(columns := (
            name
    )))
);

WITH extracts AS (
    SELECT
        *
    FROM ext.extracts
), final AS (
    SELECT
        CAST(extracts.name AS TEXT) AS name,
        CAST(extracts.is_present AS BOOLEAN) AS is_present,
        CAST(extracts.newest_at AS TIMESTAMPTZ) AS newest_at,
        CAST(extracts.rows AS BIGINT) AS rows,
        CAST(extracts.rejected AS BIGINT) AS rejected,
        CAST(extracts.read_at AS TIMESTAMPTZ) AS read_at
    FROM extracts
)
SELECT
    *
FROM final
