MODEL (
    name marts.fin_liability_uninitiated,
    kind FULL,
    description 'One row per week of orders and currency: what was sold, what came back of it so far, and what is still to be asked for, by how earlier weeks developed (chain ladder). Needs the extract shopify_orders.',
    grain (order_week, currency),
    column_descriptions (
        order_week = 'Monday of the week in which the orders were placed, UTC',
        currency = 'Shop currency, ISO 4217',
        match_class = 'complete: older than [liability] development_weeks, nothing more is expected; estimated: by its own returns, 30 or more; pooled: by its sales and the ratio of all weeks, since it has fewer; too_few: a step of the development rests on fewer than 30 returns; unverifiable: from before the first return that was read',
        orders = 'Orders, without cancelled ones and those that Loop made for exchanges',
        amount = 'Net sales: their totals after discount, with tax and shipping',
        age_weeks = 'Complete weeks since the orders'' week began; 0 for orders of the present week',
        returns = 'Returns made on these orders so far',
        reported_amount = 'Their value after discount and tax, whatever became of them',
        reported_share = 'Reported amount of the net sales',
        development = 'What the value at this age grows to, as a factor; null when there are too few returns, or no whole week has gone by',
        ultimate_amount = 'Value that will have been asked for in the end; null when there are too few returns',
        ultimate_share = 'The same of the net sales',
        uninitiated_amount = 'Ultimate less reported: still to be asked for; null when there are too few returns',
        processed_share = 'Of the returns of the currency that ended (closed, cancelled, expired), the share by value that was closed; null when fewer than 30 ended',
        expected_amount = 'Uninitiated amount times that share: what is to be expected as liability',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (order_week, currency, match_class, orders, amount)),
        unique_combination_of_columns(columns := (order_week, currency)),
        accepted_values("column" := match_class, is_in := ('complete', 'estimated', 'pooled', 'too_few', 'unverifiable'))
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), orders AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_orders
), sold AS (
    SELECT
        orders.order_id,
        orders.currency,
        orders.total,
        CAST(DATE_TRUNC('WEEK', orders.created_at AT TIME ZONE 'UTC') AS DATE) AS order_week
    FROM orders
    WHERE
        orders.cancelled_at IS NULL AND COALESCE(orders.source_name, '') <> '1662707'
), begun AS (
    SELECT
        CAST(DATE_TRUNC('WEEK', MIN(returns.created_at) AT TIME ZONE 'UTC') AS DATE) AS first_week
    FROM returns
), claims AS (
    SELECT
        sold.currency,
        sold.order_week,
        GREATEST(
            0,
            CAST(FLOOR(@days_between(sold.order_week, CAST(returns.created_at AT TIME ZONE 'UTC' AS DATE)) / 7.0) AS BIGINT)
        ) AS age,
        COUNT(*) AS returns,
        SUM(COALESCE(returns.return_total, 0)) AS amount
    FROM returns
    INNER JOIN sold
        ON sold.order_id = returns.provider_order_id AND sold.currency = returns.currency
    WHERE
        NOT returns.created_at IS NULL
    GROUP BY
        sold.currency,
        sold.order_week,
        GREATEST(
            0,
            CAST(FLOOR(@days_between(sold.order_week, CAST(returns.created_at AT TIME ZONE 'UTC' AS DATE)) / 7.0) AS BIGINT)
        )
), reported AS (
    SELECT
        claims.currency,
        claims.order_week,
        SUM(claims.returns) AS returns,
        SUM(claims.amount) AS amount
    FROM claims
    GROUP BY
        claims.currency,
        claims.order_week
), weeks AS (
    /* A period counts once it is over: the last one of a week of orders is its age less one. */
    SELECT
        sold.currency,
        sold.order_week,
        COUNT(*) AS orders,
        SUM(sold.total) AS net_sales,
        CAST(FLOOR(
            @days_between(sold.order_week, CAST(CAST(@execution_ts AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE)) / 7.0
        ) AS BIGINT) AS age_weeks,
        COALESCE(sold.order_week > MIN(begun.first_week), FALSE) AS is_covered
    FROM sold
    CROSS JOIN begun
    GROUP BY
        sold.currency,
        sold.order_week
), ages AS (
    SELECT
        @series(CAST(0 AS BIGINT), CAST(@liability_development_weeks AS BIGINT)) AS age
), claimed AS (
    SELECT
        weeks.currency,
        weeks.order_week,
        ages.age,
        SUM(COALESCE(claims.amount, 0)) AS amount,
        SUM(COALESCE(claims.returns, 0)) AS returns
    FROM weeks
    INNER JOIN ages
        ON ages.age < weeks.age_weeks
    LEFT JOIN claims
        ON claims.currency = weeks.currency AND claims.order_week = weeks.order_week AND claims.age = ages.age
    WHERE
        weeks.is_covered
    GROUP BY
        weeks.currency,
        weeks.order_week,
        ages.age
), cells AS (
    SELECT
        claimed.currency,
        claimed.order_week,
        claimed.age,
        SUM(claimed.amount) OVER (PARTITION BY claimed.currency, claimed.order_week ORDER BY claimed.age) AS amount,
        SUM(claimed.returns) OVER (PARTITION BY claimed.currency, claimed.order_week ORDER BY claimed.age) AS returns
    FROM claimed
), stepped AS (
    SELECT
        cells.*,
        LEAD(cells.amount) OVER (PARTITION BY cells.currency, cells.order_week ORDER BY cells.age) AS next_amount,
        LEAD(cells.returns) OVER (PARTITION BY cells.currency, cells.order_week ORDER BY cells.age) AS next_returns
    FROM cells
), steps AS (
    SELECT
        stepped.currency,
        stepped.age,
        CASE
            WHEN SUM(stepped.next_amount) > 0 AND SUM(stepped.amount) > 0
            THEN SUM(stepped.next_amount) / CAST(SUM(stepped.amount) AS DOUBLE)
        END AS factor,
        SUM(stepped.next_returns) AS returns
    FROM stepped
    WHERE
        NOT stepped.next_amount IS NULL
    GROUP BY
        stepped.currency,
        stepped.age
), chained AS (
    SELECT
        steps.currency,
        steps.age,
        EXP(SUM(LN(steps.factor)) OVER (PARTITION BY steps.currency ORDER BY steps.age DESC)) AS factor,
        MIN(steps.returns) OVER (PARTITION BY steps.currency ORDER BY steps.age DESC) AS returns,
        COUNT(steps.factor) OVER (PARTITION BY steps.currency ORDER BY steps.age DESC) AS step_count
    FROM steps
), developments AS (
    SELECT
        chained.currency,
        chained.age,
        chained.factor
    FROM chained
    WHERE
        chained.returns >= 30 AND chained.step_count = @liability_development_weeks - chained.age
), valued AS (
    SELECT
        weeks.*,
        COALESCE(reported.returns, 0) AS returns,
        COALESCE(reported.amount, 0) AS reported_amount,
        weeks.age_weeks > @liability_development_weeks AS is_complete,
        CASE WHEN weeks.age_weeks > @liability_development_weeks THEN 1 ELSE developments.factor END AS development,
        cells.amount AS valued_amount,
        cells.returns AS valued_returns
    FROM weeks
    LEFT JOIN reported
        ON reported.currency = weeks.currency AND reported.order_week = weeks.order_week
    LEFT JOIN cells
        ON cells.currency = weeks.currency
        AND cells.order_week = weeks.order_week
        AND cells.age = LEAST(weeks.age_weeks - 1, @liability_development_weeks)
    LEFT JOIN developments
        ON developments.currency = weeks.currency AND developments.age = weeks.age_weeks - 1
), ratios AS (
    /* Of all weeks, what is reported on the part of the sales whose returns are to be in by now (Cape Cod). */
    SELECT
        valued.currency,
        SUM(valued.valued_amount) / NULLIF(SUM(CAST(valued.net_sales AS DOUBLE) / valued.development), 0) AS ratio
    FROM valued
    WHERE
        valued.is_covered AND NOT valued.development IS NULL
    GROUP BY
        valued.currency
    HAVING
        SUM(valued.valued_returns) >= 30
), fates AS (
    SELECT
        returns.currency,
        SUM(CASE WHEN returns.state = 'closed' THEN COALESCE(returns.return_total, 0) ELSE 0 END) / NULLIF(CAST(SUM(COALESCE(returns.return_total, 0)) AS DOUBLE), 0) AS processed_share
    FROM returns
    WHERE
        returns.state IN ('closed', 'cancelled', 'expired')
    GROUP BY
        returns.currency
    HAVING
        COUNT(*) >= 30
), judged AS (
    SELECT
        valued.*,
        CASE
            WHEN NOT valued.is_covered
            THEN 'unverifiable'
            WHEN valued.is_complete
            THEN 'complete'
            WHEN NOT valued.development IS NULL AND valued.valued_returns >= 30
            THEN 'estimated'
            WHEN NOT ratios.ratio IS NULL AND (
                NOT valued.development IS NULL OR valued.age_weeks = 0
            )
            THEN 'pooled'
            ELSE 'too_few'
        END AS match_class,
        ratios.ratio,
        fates.processed_share
    FROM valued
    LEFT JOIN ratios
        ON ratios.currency = valued.currency
    LEFT JOIN fates
        ON fates.currency = valued.currency
), foreseen AS (
    SELECT
        judged.*,
        CAST(CASE judged.match_class
            WHEN 'complete'
            THEN judged.reported_amount
            WHEN 'estimated'
            THEN GREATEST(judged.valued_amount * judged.development, judged.reported_amount)
            WHEN 'pooled'
            THEN GREATEST(
                COALESCE(judged.valued_amount, 0) + judged.net_sales * judged.ratio * (
                    1 - COALESCE(1 / judged.development, 0)
                ),
                judged.reported_amount
            )
        END AS DECIMAL(18, 4)) AS ultimate_amount
    FROM judged
), final AS (
    SELECT
        CAST(foreseen.order_week AS DATE) AS order_week,
        CAST(foreseen.currency AS TEXT) AS currency,
        CAST(foreseen.match_class AS TEXT) AS match_class,
        CAST(foreseen.orders AS BIGINT) AS orders,
        CAST(foreseen.net_sales AS DECIMAL(18, 4)) AS amount,
        CAST(foreseen.age_weeks AS BIGINT) AS age_weeks,
        CAST(foreseen.returns AS BIGINT) AS returns,
        CAST(foreseen.reported_amount AS DECIMAL(18, 4)) AS reported_amount,
        CAST(foreseen.reported_amount / NULLIF(CAST(foreseen.net_sales AS DOUBLE), 0) AS DECIMAL(18, 6)) AS reported_share,
        CAST(CASE WHEN foreseen.match_class IN ('complete', 'estimated', 'pooled') THEN foreseen.development END AS DECIMAL(18, 6)) AS development,
        CAST(foreseen.ultimate_amount AS DECIMAL(18, 4)) AS ultimate_amount,
        CAST(foreseen.ultimate_amount / NULLIF(CAST(foreseen.net_sales AS DOUBLE), 0) AS DECIMAL(18, 6)) AS ultimate_share,
        CAST(foreseen.ultimate_amount - foreseen.reported_amount AS DECIMAL(18, 4)) AS uninitiated_amount,
        CAST(foreseen.processed_share AS DECIMAL(9, 6)) AS processed_share,
        CAST((
            foreseen.ultimate_amount - foreseen.reported_amount
        ) * CAST(foreseen.processed_share AS DECIMAL(9, 6)) AS DECIMAL(18, 4)) AS expected_amount,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM foreseen
)
SELECT
    *
FROM final
