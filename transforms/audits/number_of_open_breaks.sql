AUDIT (
    name number_of_open_breaks
);

WITH open_versions AS (
    SELECT
        COUNT(*) AS open_count
    FROM @this_model
    WHERE
        cleared_at IS NULL
), current_breaks AS (
    SELECT
        COUNT(*) AS break_count
    FROM marts.breaks
)
SELECT
    open_versions.open_count,
    current_breaks.break_count
FROM open_versions
CROSS JOIN current_breaks
WHERE
    open_versions.open_count <> current_breaks.break_count
