MODEL (
    name marts.risk_returner,
    kind FULL,
    description 'One row per customer and currency: what stands out about the returns, each signal shown. Only for a person who looks at the evidence: never a block list. Needs the HMAC of the e-mail (pii_key).',
    grain (customer, currency),
    column_descriptions (
        customer = 'HMAC of the e-mail; none when a return has none, and then nothing is judged',
        currency = 'Shop currency, ISO 4217; XXX when there is none',
        match_class = 'look: at least two signals, as many returns and as high a score as the settings ask, and among the top share; noted: a signal or more, but not all that; ordinary; not_comparable: no customer is known',
        returns = 'Returns in this currency, cancelled ones left out',
        units = 'Units of them',
        amount = 'Value of them after discount and tax',
        amount_90d = 'Value of those made in the last 90 days',
        refund_only_share = 'Share that wants money and nothing else',
        returns_per_order = 'Most returns on one order',
        variants_per_product = 'Most variants of one product on one order that came back',
        bad_returns = 'Returns with a unit that was missing, junk, another item or badly graded',
        undelivered_paid = 'Closed returns that gave something, without any scan, by a method that has a parcel',
        kept_items = 'Returns whose item the customer keeps',
        orders = 'Orders in this currency, without cancelled ones and exchanges; null without the extract shopify_orders',
        return_rate = 'Value that came back of these orders, as a share of theirs; null without any',
        unit_return_rate = 'The same in units; null without the extract shopify_order_lines',
        outside_refunds = 'Shopify refunds that no return explains, on orders with a return of the customer',
        has_refund_only = 'Signal refund_only: share at or above [risk] refund_only_share',
        has_splitting = 'Signal splitting: returns on one order at or above [risk] returns_per_order (Loop''s splitting-returns-to-avoid-restrictions)',
        has_bracketing = 'Signal bracketing: variants of one product at or above [risk] variants_per_product',
        has_bad_goods = 'Signal bad_goods: bad returns at or above [risk] bad_returns (package-is-empty, package-is-missing-items, item-is-worn)',
        has_never_shipped = 'Signal never_shipped: undelivered_paid at or above [risk] undelivered_paid',
        has_kept_items = 'Signal kept_items: at or above [risk] kept_items (keep-item-abuse)',
        has_return_rate = 'Signal return_rate: orders at or above [risk] min_orders, and one of the rates at or above [risk] return_rate',
        has_outside_refunds = 'Signal outside_refunds: at or above [risk] outside_refunds',
        signal_count = 'Signals that hold, 0 to 8',
        signals = 'Their names, parted by a comma',
        score = 'Sum of the weights of the signals that hold, from [risk]',
        score_rank = 'Share of the customers of the currency with a lower score, 0 to 1',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (customer, currency, match_class, score, signal_count)),
        unique_combination_of_columns(columns := (customer, currency)),
        accepted_values("column" := match_class, is_in := ('look', 'noted', 'ordinary', 'not_comparable'))
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
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), refunds AS (
    SELECT
        *
    FROM marts.recon_refund
), shop_orders AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_orders
), order_lines AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_order_lines
), counted AS (
    SELECT
        return_lines.return_id,
        COUNT(*) AS units,
        SUM(
            CASE
                WHEN return_lines.condition_category IN (@each(@receipts_bad_grades, grade -> grade))
                THEN 1
                ELSE 0
            END
        ) AS bad_units
    FROM return_lines
    GROUP BY
        return_lines.return_id
), facts AS (
    SELECT
        returns.return_id,
        COALESCE(returns.customer, 'none') AS customer,
        COALESCE(returns.currency, 'XXX') AS currency,
        COALESCE(returns.order_id, returns.return_id) AS order_id,
        returns.provider_order_id,
        COALESCE(returns.return_total, 0) AS amount,
        returns.created_at > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '90' DAY AS is_recent,
        COALESCE(returns.outcome_derived, returns.outcome) = 'refund' AS is_refund_only,
        COALESCE(receipts.match_class, '') = 'paid_never_shipped' AS is_never_shipped,
        COALESCE(returns.method_type, '') = 'keep_item' AS is_kept,
        COALESCE(counted.units, 0) AS units,
        COALESCE(counted.bad_units, 0) > 0 AS is_bad
    FROM returns
    LEFT JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN counted
        ON counted.return_id = returns.return_id
    WHERE
        COALESCE(returns.state, '') <> 'cancelled'
), per_order AS (
    SELECT
        facts.customer,
        facts.currency,
        facts.order_id,
        COUNT(*) AS returns
    FROM facts
    GROUP BY
        facts.customer,
        facts.currency,
        facts.order_id
), most_per_order AS (
    SELECT
        per_order.customer,
        per_order.currency,
        MAX(per_order.returns) AS returns
    FROM per_order
    GROUP BY
        per_order.customer,
        per_order.currency
), per_product AS (
    SELECT
        facts.customer,
        facts.currency,
        facts.order_id,
        return_lines.product_id,
        COUNT(DISTINCT return_lines.variant_id) AS variants
    FROM facts
    INNER JOIN return_lines
        ON return_lines.return_id = facts.return_id
    WHERE
        NOT return_lines.product_id IS NULL
    GROUP BY
        facts.customer,
        facts.currency,
        facts.order_id,
        return_lines.product_id
), most_variants AS (
    SELECT
        per_product.customer,
        per_product.currency,
        MAX(per_product.variants) AS variants
    FROM per_product
    GROUP BY
        per_product.customer,
        per_product.currency
), bought AS (
    SELECT
        shop_orders.order_id,
        shop_orders.customer,
        shop_orders.currency,
        shop_orders.total
    FROM shop_orders
    WHERE
        NOT shop_orders.customer IS NULL
        AND shop_orders.cancelled_at IS NULL
        AND COALESCE(shop_orders.source_name, '') <> '1662707'
), bought_units AS (
    SELECT
        bought.customer,
        bought.currency,
        SUM(order_lines.quantity) AS units
    FROM bought
    INNER JOIN order_lines
        ON order_lines.order_id = bought.order_id
    WHERE
        order_lines.shopify_return_id IS NULL
    GROUP BY
        bought.customer,
        bought.currency
), sent_back AS (
    SELECT
        bought.customer,
        bought.currency,
        SUM(facts.amount) AS amount,
        SUM(facts.units) AS units
    FROM bought
    INNER JOIN facts
        ON facts.provider_order_id = bought.order_id AND facts.currency = bought.currency
    GROUP BY
        bought.customer,
        bought.currency
), buyers AS (
    SELECT
        bought.customer,
        bought.currency,
        COUNT(*) AS orders,
        COALESCE(MAX(sent_back.amount), 0) / NULLIF(CAST(SUM(bought.total) AS DOUBLE), 0) AS return_rate,
        COALESCE(MAX(sent_back.units), 0) / NULLIF(CAST(MAX(bought_units.units) AS DOUBLE), 0) AS unit_return_rate
    FROM bought
    LEFT JOIN sent_back
        ON sent_back.customer = bought.customer AND sent_back.currency = bought.currency
    LEFT JOIN bought_units
        ON bought_units.customer = bought.customer AND bought_units.currency = bought.currency
    GROUP BY
        bought.customer,
        bought.currency
), returned_orders AS (
    SELECT
        facts.customer,
        facts.currency,
        facts.provider_order_id
    FROM facts
    WHERE
        NOT facts.provider_order_id IS NULL
    GROUP BY
        facts.customer,
        facts.currency,
        facts.provider_order_id
), outside AS (
    SELECT
        returned_orders.customer,
        returned_orders.currency,
        COUNT(*) AS refunds
    FROM returned_orders
    INNER JOIN refunds
        ON refunds.order_id = returned_orders.provider_order_id
        AND refunds.currency = returned_orders.currency
        AND refunds.match_class = 'extra_in_shopify'
    GROUP BY
        returned_orders.customer,
        returned_orders.currency
), customers AS (
    SELECT
        facts.customer,
        facts.currency,
        COUNT(*) AS returns,
        SUM(facts.units) AS units,
        SUM(facts.amount) AS amount,
        SUM(CASE WHEN facts.is_recent THEN facts.amount ELSE 0 END) AS amount_90d,
        AVG(CAST(CASE WHEN facts.is_refund_only THEN 1 ELSE 0 END AS DOUBLE)) AS refund_only_share,
        SUM(CASE WHEN facts.is_bad THEN 1 ELSE 0 END) AS bad_returns,
        SUM(CASE WHEN facts.is_never_shipped THEN 1 ELSE 0 END) AS undelivered_paid,
        SUM(CASE WHEN facts.is_kept THEN 1 ELSE 0 END) AS kept_items
    FROM facts
    GROUP BY
        facts.customer,
        facts.currency
), signalled AS (
    SELECT
        customers.*,
        most_per_order.returns AS returns_per_order,
        COALESCE(most_variants.variants, 0) AS variants_per_product,
        customers.returns >= @risk_min_returns AND customers.refund_only_share >= @risk_refund_only_share AS has_refund_only,
        most_per_order.returns >= @risk_returns_per_order AS has_splitting,
        COALESCE(most_variants.variants, 0) >= @risk_variants_per_product AS has_bracketing,
        customers.bad_returns >= @risk_bad_returns AS has_bad_goods,
        customers.undelivered_paid >= @risk_undelivered_paid AS has_never_shipped,
        customers.kept_items >= @risk_kept_items AS has_kept_items,
        buyers.orders,
        buyers.return_rate,
        buyers.unit_return_rate,
        COALESCE(outside.refunds, 0) AS outside_refunds,
        COALESCE(
            buyers.orders >= @risk_min_orders
            AND GREATEST(buyers.return_rate, buyers.unit_return_rate) >= @risk_return_rate,
            FALSE
        ) AS has_return_rate,
        COALESCE(outside.refunds, 0) >= @risk_outside_refunds AS has_outside_refunds
    FROM customers
    LEFT JOIN buyers
        ON buyers.customer = customers.customer AND buyers.currency = customers.currency
    LEFT JOIN outside
        ON outside.customer = customers.customer AND outside.currency = customers.currency
    INNER JOIN most_per_order
        ON most_per_order.customer = customers.customer AND most_per_order.currency = customers.currency
    LEFT JOIN most_variants
        ON most_variants.customer = customers.customer AND most_variants.currency = customers.currency
), scored AS (
    SELECT
        signalled.*,
        CAST(signalled.has_refund_only AS INT) + CAST(signalled.has_splitting AS INT) + CAST(signalled.has_bracketing AS INT) + CAST(signalled.has_bad_goods AS INT) + CAST(signalled.has_never_shipped AS INT) + CAST(signalled.has_kept_items AS INT) + CAST(signalled.has_return_rate AS INT) + CAST(signalled.has_outside_refunds AS INT) AS signal_count,
        @risk_weight_refund_only * CAST(signalled.has_refund_only AS INT) + @risk_weight_splitting * CAST(signalled.has_splitting AS INT) + @risk_weight_bracketing * CAST(signalled.has_bracketing AS INT) + @risk_weight_bad_goods * CAST(signalled.has_bad_goods AS INT) + @risk_weight_never_shipped * CAST(signalled.has_never_shipped AS INT) + @risk_weight_kept_items * CAST(signalled.has_kept_items AS INT) + @risk_weight_return_rate * CAST(signalled.has_return_rate AS INT) + @risk_weight_outside_refunds * CAST(signalled.has_outside_refunds AS INT) AS score
    FROM signalled
), ranked AS (
    SELECT
        scored.*,
        (
            RANK() OVER (PARTITION BY scored.currency, scored.customer = 'none' ORDER BY scored.score) - 1
        ) / CAST(COUNT(*) OVER (PARTITION BY scored.currency, scored.customer = 'none') AS DOUBLE) AS score_rank,
        (
            RANK() OVER (PARTITION BY scored.currency, scored.customer = 'none' ORDER BY scored.score DESC) - 1
        ) / CAST(COUNT(*) OVER (PARTITION BY scored.currency, scored.customer = 'none') AS DOUBLE) AS share_above
    FROM scored
), final AS (
    SELECT
        CAST(ranked.customer AS TEXT) AS customer,
        CAST(ranked.currency AS TEXT) AS currency,
        CAST(CASE
            WHEN ranked.customer = 'none'
            THEN 'not_comparable'
            WHEN ranked.signal_count >= 2
            AND ranked.returns >= @risk_min_returns
            AND ranked.score >= @risk_min_score
            AND ranked.share_above < @risk_top_share
            THEN 'look'
            WHEN ranked.signal_count > 0
            THEN 'noted'
            ELSE 'ordinary'
        END AS TEXT) AS match_class,
        CAST(ranked.returns AS BIGINT) AS returns,
        CAST(ranked.units AS BIGINT) AS units,
        CAST(ranked.amount AS DECIMAL(18, 4)) AS amount,
        CAST(ranked.amount_90d AS DECIMAL(18, 4)) AS amount_90d,
        CAST(ranked.refund_only_share AS DECIMAL(9, 6)) AS refund_only_share,
        CAST(ranked.returns_per_order AS BIGINT) AS returns_per_order,
        CAST(ranked.variants_per_product AS BIGINT) AS variants_per_product,
        CAST(ranked.bad_returns AS BIGINT) AS bad_returns,
        CAST(ranked.undelivered_paid AS BIGINT) AS undelivered_paid,
        CAST(ranked.kept_items AS BIGINT) AS kept_items,
        CAST(ranked.orders AS BIGINT) AS orders,
        CAST(ranked.return_rate AS DECIMAL(12, 6)) AS return_rate,
        CAST(ranked.unit_return_rate AS DECIMAL(12, 6)) AS unit_return_rate,
        CAST(ranked.outside_refunds AS BIGINT) AS outside_refunds,
        CAST(ranked.has_refund_only AS BOOLEAN) AS has_refund_only,
        CAST(ranked.has_splitting AS BOOLEAN) AS has_splitting,
        CAST(ranked.has_bracketing AS BOOLEAN) AS has_bracketing,
        CAST(ranked.has_bad_goods AS BOOLEAN) AS has_bad_goods,
        CAST(ranked.has_never_shipped AS BOOLEAN) AS has_never_shipped,
        CAST(ranked.has_kept_items AS BOOLEAN) AS has_kept_items,
        CAST(ranked.has_return_rate AS BOOLEAN) AS has_return_rate,
        CAST(ranked.has_outside_refunds AS BOOLEAN) AS has_outside_refunds,
        CAST(ranked.signal_count AS INT) AS signal_count,
        CAST(SUBSTRING(
            CASE WHEN ranked.has_refund_only THEN ', refund_only' ELSE '' END || CASE WHEN ranked.has_splitting THEN ', splitting' ELSE '' END || CASE WHEN ranked.has_bracketing THEN ', bracketing' ELSE '' END || CASE WHEN ranked.has_bad_goods THEN ', bad_goods' ELSE '' END || CASE WHEN ranked.has_never_shipped THEN ', never_shipped' ELSE '' END || CASE WHEN ranked.has_kept_items THEN ', kept_items' ELSE '' END || CASE WHEN ranked.has_return_rate THEN ', return_rate' ELSE '' END || CASE WHEN ranked.has_outside_refunds THEN ', outside_refunds' ELSE '' END,
            3
        ) AS TEXT) AS signals,
        CAST(ranked.score AS DECIMAL(9, 4)) AS score,
        CAST(ranked.score_rank AS DECIMAL(9, 6)) AS score_rank,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM ranked
)
SELECT
    *
FROM final
