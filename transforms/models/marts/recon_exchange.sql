MODEL (
    name marts.recon_exchange,
    kind FULL,
    description 'One row per return with exchange items: did the exchange become goods and an order, once, with the right items, value and tax?',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        match_class = 'The first that fits of duplicate_order: two returns name one exchange order; pending_not_processed: not due yet; unverifiable: no extract, none of that time, or another currency; matched; timing: within grace, or younger than the extract; missing_order; count_break: fewer native exchanges on the order than Loop has; sku_break: other items or units; value_break: another value, or order total; tax_break; partial_oos: an item is out of stock and nothing was done about it',
        severity = '2 missing_order, count_break, duplicate_order; 3 sku_break, value_break, tax_break, partial_oos; null: no break',
        amount = 'Value of the new items after discount and tax, as Loop says',
        difference = 'Money of the break: the items that are missing or waiting; for value_break and tax_break Loop''s figure less Shopify''s; null otherwise',
        currency = 'Shop currency, ISO 4217',
        state = 'State of the return',
        mode = 'order, native or unknown, see marts.recon_exchange_matches',
        order_id = 'Shopify''s id of the order that is returned',
        exchange_order_id = 'Shopify''s id of the exchange order that Loop names',
        exchange_order_name = 'Its name',
        shopify_return_id = 'Shopify''s return that a native exchange became',
        sharing_returns = 'Returns that name the same exchange order, this one among them',
        loop_returns = 'Native mode: returns on the order whose exchange is due',
        shopify_returns = 'Native mode: Shopify''s returns with exchange lines on the order',
        due_units = 'Exchange items that must go out',
        waiting_units = 'Items out of stock, and nothing was done about it',
        missing_units = 'Units that must go out and are not on the order; null when it is not seen',
        surplus_units = 'Units on the order that nobody promised; null when it is not seen',
        value_difference = 'Loop''s price of the items less that on the order, before discount and tax',
        tax_difference = 'Loop''s tax less that on the order',
        total_difference = 'What the order should cost after the credit, less its total; without the order''s tax where that is nearer',
        has_loop_discount = 'True when the exchange order is reduced by the credit for the returned goods',
        closed_at = 'When the return was closed, UTC; null before the exchange is due',
        found_at = 'When the exchange order, or Shopify''s return, was made, UTC',
        root_cause = 'Cause from the closed list of causes; null when there is nothing to explain',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (return_id, match_class, amount)),
        unique_values(columns := (
            return_id
        )),
        accepted_values(
            "column" := match_class,
            is_in := (
                'pending_not_processed',
                'timing',
                'missing_order',
                'count_break',
                'sku_break',
                'value_break',
                'tax_break',
                'partial_oos',
                'duplicate_order',
                'unverifiable',
                'matched'
            )
        )
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), matches AS (
    SELECT
        *
    FROM marts.recon_exchange_matches
), exchange_lines AS (
    SELECT
        *
    FROM marts.recon_exchange_lines
), orders AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_orders
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), feeds AS (
    SELECT
        BOOL_OR(CAST(extracts.name = 'shopify_orders' AS BOOLEAN)) AS has_orders,
        BOOL_OR(CAST(extracts.name = 'shopify_order_lines' AS BOOLEAN)) AS has_lines,
        BOOL_OR(CAST(extracts.name = 'shopify_returns' AS BOOLEAN)) AS has_returns,
        MAX(CASE WHEN extracts.name = 'shopify_orders' THEN extracts.newest_at END) AS orders_until,
        MAX(CASE WHEN extracts.name = 'shopify_order_lines' THEN extracts.newest_at END) AS lines_until,
        MAX(CASE WHEN extracts.name = 'shopify_returns' THEN extracts.newest_at END) AS returns_until
    FROM extracts
    WHERE
        extracts.is_present
), orders_start AS (
    SELECT
        MIN(orders.created_at) AS oldest_at
    FROM orders
), sums AS (
    SELECT
        exchange_lines.return_id,
        SUM(exchange_lines.due_units) AS due_units,
        SUM(exchange_lines.waiting_units) AS waiting_units,
        SUM(exchange_lines.missing_units) AS missing_units,
        SUM(exchange_lines.surplus_units) AS surplus_units,
        SUM(exchange_lines.foreign_units) AS foreign_units,
        SUM(exchange_lines.due_value) - SUM(exchange_lines.ordered_value) AS value_difference,
        CASE
            WHEN COUNT(exchange_lines.ordered_tax) = COUNT(*)
            THEN SUM(exchange_lines.due_tax) - SUM(exchange_lines.ordered_tax)
        END AS tax_difference,
        SUM(exchange_lines.due_total) AS due_total,
        SUM(exchange_lines.due_discount) AS due_discount,
        SUM(exchange_lines.waiting_total) AS waiting_total,
        SUM(CASE WHEN exchange_lines.missing_units > 0 THEN exchange_lines.due_total ELSE 0 END) AS missing_total
    FROM exchange_lines
    GROUP BY
        exchange_lines.return_id
), facts AS (
    SELECT
        matches.*,
        sums.due_units,
        sums.waiting_units,
        sums.missing_units,
        sums.surplus_units,
        sums.foreign_units,
        sums.value_difference,
        sums.tax_difference,
        sums.due_total,
        sums.waiting_total,
        sums.missing_total,
        returns.state,
        returns.edited_at,
        returns.was_processed,
        COALESCE(returns.exchange_total, 0) AS amount,
        COALESCE(returns.return_credit_total, returns.exchange_credit_total, 0) AS credit,
        COALESCE(matches.order_discount - sums.due_discount > 0, @policy_loop_discount) AS has_loop_discount,
        CAST(@tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01) * GREATEST(1, @tolerance_per_line * sums.due_units) AS DECIMAL(18, 4)) AS tolerance
    FROM matches
    INNER JOIN sums
        ON sums.return_id = matches.return_id
    INNER JOIN returns
        ON returns.return_id = matches.return_id
    LEFT JOIN currencies
        ON currencies.currency = matches.currency
), windows AS (
    /* What the extracts of the mode can show: from when, and up to when. */
    SELECT
        facts.return_id,
        COALESCE(
            CASE
                WHEN facts.mode = 'order'
                THEN feeds.has_orders
                WHEN facts.mode = 'native'
                THEN feeds.has_returns OR feeds.has_lines
                ELSE feeds.has_orders AND (
                    feeds.has_returns OR feeds.has_lines
                )
            END,
            FALSE
        ) AS is_visible,
        COALESCE(feeds.has_lines, FALSE) AS has_lines,
        COALESCE(facts.closed_at > feeds.lines_until, FALSE) AS is_after_lines,
        COALESCE(
            facts.closed_at < LEAST(
                CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_exchange * INTERVAL '1' HOUR,
                CASE
                    WHEN facts.mode = 'native'
                    THEN COALESCE(feeds.returns_until, feeds.lines_until)
                    ELSE feeds.orders_until
                END
            ),
            FALSE
        ) AS is_settled,
        CASE
            WHEN facts.mode = 'native'
            THEN NOT facts.is_first_order_known
            ELSE COALESCE(facts.closed_at < orders_start.oldest_at, FALSE)
        END AS is_before_feed
    FROM facts
    CROSS JOIN feeds
    CROSS JOIN orders_start
), judged AS (
    SELECT
        facts.*,
        windows.is_visible,
        windows.has_lines,
        windows.is_after_lines,
        windows.is_settled,
        windows.is_before_feed,
        CASE
            WHEN facts.mode = 'native'
            THEN facts.shopify_returns < CASE
                WHEN windows.is_settled
                THEN SUM(CASE WHEN windows.is_settled AND facts.loop_returns > 0 THEN 1 ELSE 0 END) OVER (PARTITION BY facts.mode, facts.first_order_id)
                ELSE facts.loop_returns
            END
            ELSE facts.step IS NULL
        END AS is_missing,
        COALESCE(facts.foreign_units, 0) > 0 OR COALESCE(facts.order_currency <> facts.currency, FALSE) AS is_foreign,
        CASE
            WHEN facts.has_loop_discount
            THEN GREATEST(facts.due_total - facts.credit, 0)
            ELSE facts.due_total
        END - facts.order_total AS total_gap
    FROM facts
    INNER JOIN windows
        ON windows.return_id = facts.return_id
), compared AS (
    SELECT
        judged.*,
        CASE
            WHEN judged.mode <> 'order' OR judged.step IS NULL
            THEN NULL
            WHEN ABS(judged.total_gap + judged.order_tax) < ABS(judged.total_gap)
            THEN judged.total_gap + judged.order_tax
            ELSE judged.total_gap
        END AS total_difference
    FROM judged
), classified AS (
    SELECT
        compared.*,
        CASE
            WHEN compared.sharing_returns > 1
            AND compared.mode = 'order'
            AND compared.is_visible
            AND NOT compared.is_dead
            THEN 'duplicate_order'
            WHEN NOT compared.is_due AND NOT compared.is_dead
            THEN 'pending_not_processed'
            WHEN NOT compared.is_visible
            THEN 'unverifiable'
            WHEN compared.is_dead OR compared.due_units + compared.waiting_units = 0
            THEN 'matched'
            WHEN compared.due_units = 0
            THEN 'partial_oos'
            WHEN compared.is_missing AND NOT compared.is_settled
            THEN 'timing'
            WHEN compared.is_missing AND compared.is_before_feed
            THEN 'unverifiable'
            WHEN compared.is_missing
            THEN CASE WHEN compared.mode = 'native' THEN 'count_break' ELSE 'missing_order' END
            WHEN compared.step IS NULL
            THEN CASE WHEN compared.first_order_id IS NULL THEN 'unverifiable' ELSE 'timing' END
            WHEN compared.is_foreign OR NOT compared.has_lines
            THEN 'unverifiable'
            WHEN compared.missing_units + compared.surplus_units > 0 AND compared.is_after_lines
            THEN 'timing'
            WHEN compared.missing_units + compared.surplus_units > 0
            THEN 'sku_break'
            WHEN ABS(compared.value_difference) > compared.tolerance
            AND ABS(compared.value_difference + COALESCE(compared.tax_difference, 0)) > compared.tolerance
            THEN 'value_break'
            WHEN ABS(compared.tax_difference) > compared.tolerance
            THEN 'tax_break'
            WHEN ABS(compared.value_difference) > compared.tolerance
            OR ABS(compared.total_difference) > compared.tolerance
            THEN 'value_break'
            WHEN compared.waiting_units > 0
            THEN 'partial_oos'
            ELSE 'matched'
        END AS match_class
    FROM compared
), final AS (
    SELECT
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class IN ('missing_order', 'count_break', 'duplicate_order')
            THEN 2
            WHEN classified.match_class IN ('sku_break', 'value_break', 'tax_break', 'partial_oos')
            THEN 3
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(CASE
            WHEN classified.match_class IN ('missing_order', 'count_break', 'duplicate_order')
            THEN classified.due_total
            WHEN classified.match_class = 'sku_break'
            THEN classified.missing_total
            WHEN classified.match_class = 'partial_oos'
            THEN classified.waiting_total
            WHEN classified.match_class = 'tax_break'
            THEN classified.tax_difference
            WHEN classified.match_class = 'value_break' AND ABS(classified.value_difference) > classified.tolerance
            THEN classified.value_difference
            WHEN classified.match_class = 'value_break'
            THEN classified.total_difference
        END AS DECIMAL(18, 4)) AS difference,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.mode AS TEXT) AS mode,
        CAST(classified.first_order_id AS TEXT) AS order_id,
        CAST(classified.exchange_order_id AS TEXT) AS exchange_order_id,
        CAST(classified.exchange_order_name AS TEXT) AS exchange_order_name,
        CAST(classified.shopify_return_id AS TEXT) AS shopify_return_id,
        CAST(classified.sharing_returns AS BIGINT) AS sharing_returns,
        CAST(classified.loop_returns AS BIGINT) AS loop_returns,
        CAST(classified.shopify_returns AS BIGINT) AS shopify_returns,
        CAST(classified.due_units AS BIGINT) AS due_units,
        CAST(classified.waiting_units AS BIGINT) AS waiting_units,
        CAST(classified.missing_units AS BIGINT) AS missing_units,
        CAST(classified.surplus_units AS BIGINT) AS surplus_units,
        CAST(classified.value_difference AS DECIMAL(18, 4)) AS value_difference,
        CAST(classified.tax_difference AS DECIMAL(18, 4)) AS tax_difference,
        CAST(classified.total_difference AS DECIMAL(18, 4)) AS total_difference,
        CAST(classified.has_loop_discount AS BOOLEAN) AS has_loop_discount,
        CAST(CASE WHEN classified.is_due THEN classified.closed_at END AS TIMESTAMPTZ) AS closed_at,
        CAST(classified.found_at AS TIMESTAMPTZ) AS found_at,
        CAST(CASE
            WHEN classified.match_class IN ('matched', 'pending_not_processed')
            THEN NULL
            WHEN classified.match_class = 'unverifiable'
            THEN CASE WHEN classified.is_foreign THEN 'currency' END
            WHEN classified.match_class = 'timing'
            THEN 'timing'
            WHEN classified.match_class = 'partial_oos'
            THEN 'oos_exchange'
            WHEN classified.match_class = 'tax_break'
            THEN 'tax_split'
            WHEN classified.match_class = 'count_break'
            THEN 'native_exchange'
            WHEN classified.match_class = 'duplicate_order'
            THEN 'connector_duplicate'
            WHEN classified.match_class = 'missing_order' AND classified.was_processed = FALSE
            THEN 'manual_close'
            WHEN classified.edited_at > classified.found_at
            THEN 'edited_after'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
