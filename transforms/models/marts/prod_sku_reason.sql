MODEL (
    name marts.prod_sku_reason,
    kind FULL,
    description 'One row per SKU, reason, month and currency: why it comes back, of all units of it that came back. A mix; a rate only where the extract shopify_order_lines says how many were sold.',
    grain (sku, parent_reason, reason, period, currency),
    column_descriptions (
        sku = 'Stock keeping unit; none when Loop does not say',
        parent_reason = 'Group of the reason by the seed reason_map, else as Loop writes it in lower case; none when there is none',
        reason = 'Reason, the same way',
        period = 'First day of the month in which the return was made, UTC',
        date_basis = 'return_created: what the period counts by',
        currency = 'Shop currency, ISO 4217; XXX when there is none',
        match_class = 'shown; too_few when fewer than 30 units of the SKU came back in the period: no share is given',
        units = 'Units that came back for this reason: one line is one unit',
        amount = 'Their price after discount; a line without a price counts 0',
        sku_units = 'Units of the SKU that came back in the period and currency, for any reason',
        share = 'Units of all its units; null when there are too few',
        share_low = 'Lower end of its 95 % interval (Wilson); null when there are too few',
        share_high = 'Upper end of it',
        refund_units = 'Units whose customer wants money',
        credit_units = 'Units whose customer wants credit',
        exchange_units = 'Units whose customer wants another item',
        graded_units = 'Units that were graded at the warehouse',
        bad_units = 'Units with a grade that the merchant counts as bad',
        sold_units = 'Units of the SKU that were sold in the same month and currency, exchanges left out; null when the extract shopify_order_lines is absent or does not cover the month',
        rate = 'Units of these; what came back in a month is partly of earlier sales. Null when fewer than 30 were sold, or how many is not known',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (sku, parent_reason, reason, period, currency, match_class, units)),
        unique_combination_of_columns(columns := (sku, parent_reason, reason, period, currency))
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), return_lines AS (
    SELECT
        *
    FROM staging.stg_return_lines
), reason_map AS (
    SELECT
        *
    FROM staging.seed_reason_map
), order_lines AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_order_lines
), orders AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_orders
), covered AS (
    /* From the first month that is in the extract from its first day on. */
    SELECT
        CAST(MIN(order_lines.created_at AT TIME ZONE 'UTC') AS DATE) AS first_day,
        CAST(MAX(order_lines.created_at AT TIME ZONE 'UTC') AS DATE) AS last_day
    FROM order_lines
), sold AS (
    SELECT
        order_lines.sku,
        order_lines.currency,
        CAST(DATE_TRUNC('MONTH', order_lines.created_at AT TIME ZONE 'UTC') AS DATE) AS period,
        SUM(order_lines.quantity) AS units
    FROM order_lines
    LEFT JOIN orders
        ON orders.order_id = order_lines.order_id
    WHERE
        order_lines.shopify_return_id IS NULL
        AND COALESCE(orders.source_name, '') <> '1662707'
        AND orders.cancelled_at IS NULL
    GROUP BY
        order_lines.sku,
        order_lines.currency,
        CAST(DATE_TRUNC('MONTH', order_lines.created_at AT TIME ZONE 'UTC') AS DATE)
), units AS (
    SELECT
        COALESCE(return_lines.sku, 'none') AS sku,
        COALESCE(reason_map.parent_reason, LOWER(TRIM(return_lines.parent_return_reason)), 'none') AS parent_reason,
        COALESCE(reason_map.reason, LOWER(TRIM(return_lines.return_reason)), 'none') AS reason,
        CAST(DATE_TRUNC('MONTH', returns.created_at AT TIME ZONE 'UTC') AS DATE) AS period,
        COALESCE(returns.currency, 'XXX') AS currency,
        COALESCE(return_lines.price, 0) - COALESCE(return_lines.discount, 0) AS amount,
        COALESCE(return_lines.outcome, returns.outcome) AS outcome,
        return_lines.condition_category,
        CASE
            WHEN return_lines.condition_category IN (@each(@receipts_bad_grades, grade -> grade))
            THEN 1
            ELSE 0
        END AS bad_unit
    FROM return_lines
    INNER JOIN returns
        ON returns.return_id = return_lines.return_id
    LEFT JOIN reason_map
        ON reason_map.raw_reason = LOWER(TRIM(return_lines.return_reason))
    WHERE
        NOT returns.created_at IS NULL
), grouped AS (
    SELECT
        units.sku,
        units.parent_reason,
        units.reason,
        units.period,
        units.currency,
        COUNT(*) AS units,
        SUM(units.amount) AS amount,
        SUM(CASE WHEN units.outcome LIKE '%refund%' THEN 1 ELSE 0 END) AS refund_units,
        SUM(CASE WHEN units.outcome LIKE '%credit%' THEN 1 ELSE 0 END) AS credit_units,
        SUM(CASE WHEN units.outcome LIKE '%exchange%' OR units.outcome = 'upsell' THEN 1 ELSE 0 END) AS exchange_units,
        COUNT(units.condition_category) AS graded_units,
        SUM(units.bad_unit) AS bad_units
    FROM units
    GROUP BY
        units.sku,
        units.parent_reason,
        units.reason,
        units.period,
        units.currency
), shares AS (
    SELECT
        grouped.*,
        SUM(grouped.units) OVER (PARTITION BY grouped.sku, grouped.period, grouped.currency) AS sku_units
    FROM grouped
), judged AS (
    SELECT
        shares.*,
        shares.sku_units >= 30 AS is_enough,
        CASE WHEN shares.period BETWEEN covered.first_day AND covered.last_day THEN COALESCE(sold.units, 0) END AS sold_units,
        shares.units / CAST(shares.sku_units AS DOUBLE) AS share,
        @wilson_low(shares.units, shares.sku_units) AS share_low,
        @wilson_high(shares.units, shares.sku_units) AS share_high
    FROM shares
    CROSS JOIN covered
    LEFT JOIN sold
        ON sold.sku = shares.sku AND sold.currency = shares.currency AND sold.period = shares.period
), final AS (
    SELECT
        CAST(judged.sku AS TEXT) AS sku,
        CAST(judged.parent_reason AS TEXT) AS parent_reason,
        CAST(judged.reason AS TEXT) AS reason,
        CAST(judged.period AS DATE) AS period,
        CAST('return_created' AS TEXT) AS date_basis,
        CAST(judged.currency AS TEXT) AS currency,
        CAST(CASE WHEN judged.is_enough THEN 'shown' ELSE 'too_few' END AS TEXT) AS match_class,
        CAST(judged.units AS BIGINT) AS units,
        CAST(judged.amount AS DECIMAL(18, 4)) AS amount,
        CAST(judged.sku_units AS BIGINT) AS sku_units,
        CAST(CASE WHEN judged.is_enough THEN judged.share END AS DECIMAL(9, 6)) AS share,
        CAST(CASE WHEN judged.is_enough THEN judged.share_low END AS DECIMAL(9, 6)) AS share_low,
        CAST(CASE WHEN judged.is_enough THEN judged.share_high END AS DECIMAL(9, 6)) AS share_high,
        CAST(judged.refund_units AS BIGINT) AS refund_units,
        CAST(judged.credit_units AS BIGINT) AS credit_units,
        CAST(judged.exchange_units AS BIGINT) AS exchange_units,
        CAST(judged.graded_units AS BIGINT) AS graded_units,
        CAST(judged.bad_units AS BIGINT) AS bad_units,
        CAST(judged.sold_units AS BIGINT) AS sold_units,
        CAST(CASE WHEN judged.sold_units >= 30 THEN judged.units / CAST(judged.sold_units AS DOUBLE) END AS DECIMAL(12, 6)) AS rate,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM judged
)
SELECT
    *
FROM final
