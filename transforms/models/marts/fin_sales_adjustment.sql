MODEL (
    name marts.fin_sales_adjustment,
    kind FULL,
    description 'One row per Shopify order, day and currency, and per whole day that Loop''s report has: what exchange orders and store credit leave wrong in Shopify''s Discounts, Returns and Net Sales, and what Loop''s own Sales Adjustment report says of it.',
    grain entity,
    column_descriptions (
        entity = 'What the row is about: order:<name>:<day>:<currency>, or day:<day>:<currency> where Loop''s report names no order',
        day = 'Day of the exchange order, or on which the store credit was given, in [shop] timezone',
        order_name = 'Name of the exchange order, or of the order that was returned for store credit; null in a row of a whole day',
        order_id = 'Shopify''s id of it; null where only the report has it',
        return_id = 'Loop''s id of the return; null when there are several, or none',
        currency = 'Currency of the order, ISO 4217; XXX when there is none',
        match_class = 'matched; attribute_break: Loop''s report says something else, or only one of the two has it; timing: the day is not over, or the report is older; in_day: the report has the day as a whole; unverifiable: no report, none of that time, or no extract of orders',
        severity = '4 for attribute_break: a third opinion, no truth; null otherwise',
        amount = 'What it is worked out from: discounts on the exchange orders, and store credit',
        sources = 'Exchange orders and returns for store credit in it',
        discounts = 'To be added to Discounts, see marts.fin_sales_adjustment_lines',
        returns = 'To be added to Returns',
        net_sales = 'To be added to Net Sales',
        reported_discounts = 'The same in Loop''s report',
        reported_returns = 'The same in Loop''s report',
        reported_net_sales = 'The same in Loop''s report',
        difference = 'Ours less Loop''s: of net sales; where these agree of returns, else of discounts; null where nothing is judged',
        root_cause = 'Cause from the closed list of causes; null when there is nothing to explain',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (entity, day, currency, match_class, discounts, returns, net_sales)),
        unique_values(columns := (
            entity
        )),
        accepted_values("column" := match_class, is_in := ('matched', 'attribute_break', 'timing', 'in_day', 'unverifiable'))
    )
);

WITH adjustment_lines AS (
    SELECT
        *
    FROM marts.fin_sales_adjustment_lines
), report AS (
    SELECT
        *
    FROM staging.stg_ext_loop_sales_adjustment
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), feed AS (
    SELECT
        COALESCE(BOOL_OR(CAST(extracts.name = 'loop_sales_adjustment' AS BOOLEAN)), FALSE) AS has_report,
        COALESCE(BOOL_OR(CAST(extracts.name = 'shopify_orders' AS BOOLEAN)), FALSE) AS has_orders
    FROM extracts
    WHERE
        extracts.is_present
), span AS (
    SELECT
        MIN(report.day) AS first_day,
        MAX(report.day) AS last_day
    FROM report
), ours AS (
    SELECT
        adjustment_lines.order_name,
        adjustment_lines.day,
        COALESCE(adjustment_lines.currency, 'XXX') AS currency,
        MIN(adjustment_lines.order_id) AS order_id,
        CASE
            WHEN MIN(adjustment_lines.return_id) = MAX(adjustment_lines.return_id)
            THEN MIN(adjustment_lines.return_id)
        END AS return_id,
        COUNT(*) AS sources,
        SUM(adjustment_lines.amount) AS amount,
        SUM(adjustment_lines.discounts) AS discounts,
        SUM(adjustment_lines.returns) AS returns,
        SUM(adjustment_lines.net_sales) AS net_sales
    FROM adjustment_lines
    GROUP BY
        adjustment_lines.order_name,
        adjustment_lines.day,
        COALESCE(adjustment_lines.currency, 'XXX')
), theirs AS (
    SELECT
        report.order_name,
        report.day,
        report.currency,
        SUM(report.discounts) AS discounts,
        SUM(report.returns) AS returns,
        SUM(report.net_sales) AS net_sales
    FROM report
    WHERE
        NOT report.order_name IS NULL
    GROUP BY
        report.order_name,
        report.day,
        report.currency
), their_days AS (
    SELECT
        report.day,
        report.currency,
        SUM(report.discounts) AS discounts,
        SUM(report.returns) AS returns,
        SUM(report.net_sales) AS net_sales
    FROM report
    WHERE
        report.order_name IS NULL
    GROUP BY
        report.day,
        report.currency
), our_days AS (
    SELECT
        ours.day,
        ours.currency,
        SUM(ours.discounts) AS discounts,
        SUM(ours.returns) AS returns,
        SUM(ours.net_sales) AS net_sales
    FROM ours
    GROUP BY
        ours.day,
        ours.currency
), paired AS (
    SELECT
        COALESCE(ours.order_name, theirs.order_name) AS order_name,
        COALESCE(ours.day, theirs.day) AS day,
        COALESCE(ours.currency, theirs.currency) AS currency,
        ours.order_id,
        ours.return_id,
        COALESCE(ours.sources, 0) AS sources,
        COALESCE(ours.amount, 0) AS amount,
        COALESCE(ours.discounts, 0) AS discounts,
        COALESCE(ours.returns, 0) AS returns,
        COALESCE(ours.net_sales, 0) AS net_sales,
        CASE WHEN theirs.order_name IS NULL THEN 0 ELSE theirs.discounts END AS reported_discounts,
        CASE WHEN theirs.order_name IS NULL THEN 0 ELSE theirs.returns END AS reported_returns,
        CASE WHEN theirs.order_name IS NULL THEN 0 ELSE theirs.net_sales END AS reported_net_sales
    FROM ours
    FULL JOIN theirs
        ON theirs.order_name = ours.order_name AND theirs.day = ours.day AND theirs.currency = ours.currency
), placed AS (
    SELECT
        'order:' || paired.order_name || ':' || CAST(paired.day AS TEXT) || ':' || paired.currency AS entity,
        paired.*,
        NOT their_days.day IS NULL AS is_in_day
    FROM paired
    LEFT JOIN their_days
        ON their_days.day = paired.day AND their_days.currency = paired.currency
    UNION ALL
    SELECT
        'day:' || CAST(their_days.day AS TEXT) || ':' || their_days.currency AS entity,
        CAST(NULL AS TEXT) AS order_name,
        their_days.day,
        their_days.currency,
        CAST(NULL AS TEXT) AS order_id,
        CAST(NULL AS TEXT) AS return_id,
        0 AS sources,
        0 AS amount,
        COALESCE(our_days.discounts, 0) AS discounts,
        COALESCE(our_days.returns, 0) AS returns,
        COALESCE(our_days.net_sales, 0) AS net_sales,
        their_days.discounts AS reported_discounts,
        their_days.returns AS reported_returns,
        their_days.net_sales AS reported_net_sales,
        FALSE AS is_in_day
    FROM their_days
    LEFT JOIN our_days
        ON our_days.day = their_days.day AND our_days.currency = their_days.currency
), compared AS (
    SELECT
        placed.*,
        feed.has_report,
        @tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01) AS tolerance,
        COALESCE(placed.discounts - placed.reported_discounts, 0) AS discounts_gap,
        COALESCE(placed.returns - placed.reported_returns, 0) AS returns_gap,
        COALESCE(placed.net_sales - placed.reported_net_sales, 0) AS net_sales_gap,
        placed.day >= CAST(CAST(@execution_ts AS TIMESTAMPTZ) AT TIME ZONE @shop_timezone AS DATE)
        OR placed.day > span.last_day AS is_young,
        placed.day < span.first_day OR NOT feed.has_orders AS is_unseen
    FROM placed
    CROSS JOIN feed
    CROSS JOIN span
    LEFT JOIN currencies
        ON currencies.currency = placed.currency
), judged AS (
    SELECT
        compared.*,
        CASE
            WHEN NOT compared.has_report OR COALESCE(compared.is_unseen, TRUE)
            THEN 'unverifiable'
            WHEN compared.is_in_day
            THEN 'in_day'
            WHEN compared.is_young
            THEN 'timing'
            WHEN GREATEST(ABS(compared.discounts_gap), ABS(compared.returns_gap), ABS(compared.net_sales_gap)) > compared.tolerance
            THEN 'attribute_break'
            ELSE 'matched'
        END AS match_class
    FROM compared
), final AS (
    SELECT
        CAST(judged.entity AS TEXT) AS entity,
        CAST(judged.day AS DATE) AS day,
        CAST(judged.order_name AS TEXT) AS order_name,
        CAST(judged.order_id AS TEXT) AS order_id,
        CAST(judged.return_id AS TEXT) AS return_id,
        CAST(judged.currency AS TEXT) AS currency,
        CAST(judged.match_class AS TEXT) AS match_class,
        CAST(CASE WHEN judged.match_class = 'attribute_break' THEN 4 END AS INT) AS severity,
        CAST(judged.amount AS DECIMAL(18, 4)) AS amount,
        CAST(judged.sources AS BIGINT) AS sources,
        CAST(judged.discounts AS DECIMAL(18, 4)) AS discounts,
        CAST(judged.returns AS DECIMAL(18, 4)) AS returns,
        CAST(judged.net_sales AS DECIMAL(18, 4)) AS net_sales,
        CAST(CASE WHEN judged.has_report THEN judged.reported_discounts END AS DECIMAL(18, 4)) AS reported_discounts,
        CAST(CASE WHEN judged.has_report THEN judged.reported_returns END AS DECIMAL(18, 4)) AS reported_returns,
        CAST(CASE WHEN judged.has_report THEN judged.reported_net_sales END AS DECIMAL(18, 4)) AS reported_net_sales,
        CAST(CASE
            WHEN NOT judged.match_class IN ('matched', 'attribute_break')
            THEN NULL
            WHEN judged.net_sales_gap <> 0
            THEN judged.net_sales_gap
            WHEN judged.returns_gap <> 0
            THEN judged.returns_gap
            ELSE judged.discounts_gap
        END AS DECIMAL(18, 4)) AS difference,
        CAST(CASE judged.match_class WHEN 'attribute_break' THEN 'unknown' WHEN 'timing' THEN 'timing' END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM judged
)
SELECT
    *
FROM final
