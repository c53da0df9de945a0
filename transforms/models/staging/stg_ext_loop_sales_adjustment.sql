MODEL (
    name staging.stg_ext_loop_sales_adjustment,
    kind FULL,
    description 'One row per day and order of Loop''s own Sales Adjustment report.',
    grain (day, order_name, currency),
    column_descriptions (
        day = 'Day of the adjustment',
        order_name = 'Name of the order; empty when a row is a whole day',
        currency = 'Currency of the amounts, ISO 4217',
        discounts = 'Adjustment of Discounts',
        returns = 'Adjustment of Returns',
        net_sales = 'Adjustment of Net Sales',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (day, currency)),
        unique_combination_of_columns(columns := (read_from, read_row))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.loop_sales_adjustment
), final AS (
    SELECT
        CAST(rows_of.day AS DATE) AS day,
        CAST(rows_of.order_name AS TEXT) AS order_name,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(rows_of.discounts AS DECIMAL(18, 4)) AS discounts,
        CAST(rows_of.returns AS DECIMAL(18, 4)) AS returns,
        CAST(rows_of.net_sales AS DECIMAL(18, 4)) AS net_sales,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
