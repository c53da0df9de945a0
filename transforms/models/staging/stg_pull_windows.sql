MODEL (
    name staging.stg_pull_windows,
    kind FULL,
    description 'One row per window of a pull: what was asked for and whether all of it was read.',
    grain (run_id, endpoint, pass, window_from, window_to),
    column_descriptions (
        run_id = 'Run that asked for the window',
        endpoint = 'returns or advanced_shipping_notices',
        pass = 'default (open, closed, expired), cancelled or review; all for the shipping notices',
        window_from = 'First instant asked for, UTC',
        window_to = 'End of the window, UTC',
        bound = 'Upper bound of the run, frozen before its first request',
        is_complete = 'True when every page was read and loaded',
        page_count = 'Pages read',
        row_count = 'Rows read',
        request_count = 'Requests sent',
        started_at = 'When it was begun, UTC',
        finished_at = 'When it was done, UTC',
        api_version = 'API version that gave the row'
    ),
    audits (
        not_null(columns := (run_id, endpoint, pass, window_from, window_to)),
        unique_combination_of_columns(columns := (run_id, endpoint, pass, window_from, window_to))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.pull_windows
), final AS (
    SELECT
        CAST(rows_of.run_id AS TEXT) AS run_id,
        CAST(rows_of.endpoint AS TEXT) AS endpoint,
        CAST(rows_of.pass AS TEXT) AS pass,
        CAST(rows_of.window_from AS TIMESTAMPTZ) AS window_from,
        CAST(rows_of.window_to AS TIMESTAMPTZ) AS window_to,
        CAST(rows_of.bound AS TIMESTAMPTZ) AS bound,
        CAST(CASE WHEN rows_of.status = 'complete' THEN TRUE ELSE FALSE END AS BOOLEAN) AS is_complete,
        CAST(rows_of.pages AS BIGINT) AS page_count,
        CAST(rows_of.rows AS BIGINT) AS row_count,
        CAST(rows_of.requests AS BIGINT) AS request_count,
        CAST(rows_of.started_at AS TIMESTAMPTZ) AS started_at,
        CAST(rows_of.finished_at AS TIMESTAMPTZ) AS finished_at,
        CAST(@cleaned(rows_of.api_version) AS TEXT) AS api_version
    FROM rows_of
)
SELECT
    *
FROM final
