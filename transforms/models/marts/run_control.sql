MODEL (
    name marts.run_control,
    kind FULL,
    description 'One row per mart, class and currency: do the classes add up to what there was to classify? Any residual fails the build.',
    grain (mart, match_class, currency),
    column_descriptions (
        mart = 'Mart',
        match_class = 'Class in that mart; for marts.breaks the break type; none when a population has no row at all',
        currency = 'ISO 4217; XXX when there is none',
        row_count = 'Rows of the class',
        amount = 'Sum of the class',
        population_rows = 'Rows that the mart must explain in this currency, counted from its inputs',
        population_amount = 'Their sum',
        residual_rows = 'Population minus all classes of the mart in this currency; must be 0',
        residual_amount = 'The same in money; must be 0',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (mart, match_class, currency)),
        unique_combination_of_columns(columns := (mart, match_class, currency)),
        classes_add_up()
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), shipping_notices AS (
    SELECT
        *
    FROM staging.stg_shipping_notices
), notice_returns AS (
    SELECT
        *
    FROM staging.stg_notice_returns
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), webhook_events AS (
    SELECT
        *
    FROM staging.stg_webhook_events
), shopify_refunds AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_refunds
), money AS (
    SELECT
        *
    FROM marts.recon_money
), actions AS (
    SELECT
        *
    FROM ops.actions
), events AS (
    SELECT
        *
    FROM ops.action_events
), classes AS (
    @class_rows()
), unlisted AS (
    SELECT
        MIN(shipping_notices.currency) AS currency,
        SUM(COALESCE(shipping_notices.purchase_price, 0)) AS amount
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    WHERE
        notice_returns.placed_by <> 'line'
    GROUP BY
        notice_returns.placed_by,
        CASE WHEN notice_returns.placed_by = 'asn_id' THEN '' ELSE shipping_notices.line_item_id END,
        shipping_notices.asn_id
), unlisted_ids AS (
    SELECT
        notice_returns.return_id
    FROM notice_returns
    WHERE
        notice_returns.placed_by = 'asn_id'
    GROUP BY
        notice_returns.return_id
), told_only AS (
    SELECT
        webhook_events.return_id
    FROM webhook_events
    LEFT JOIN returns
        ON returns.return_id = webhook_events.return_id
    LEFT JOIN unlisted_ids
        ON unlisted_ids.return_id = webhook_events.return_id
    WHERE
        returns.return_id IS NULL
        AND unlisted_ids.return_id IS NULL
        AND webhook_events.topic = 'return'
        AND NOT webhook_events.return_id IS NULL
    GROUP BY
        webhook_events.return_id
), money_sides AS (
    SELECT
        money.currency,
        money.left_amount - money.right_amount AS amount
    FROM money
), labels AS (
    SELECT
        *
    FROM staging.stg_labels
), labelled AS (
    SELECT
        labels.return_id,
        COUNT(*) AS label_count,
        SUM(CAST(labels.label_rate * @policy_label_rate_factor AS DECIMAL(18, 4))) AS label_rate
    FROM labels
    GROUP BY
        labels.return_id
), intents AS (
    SELECT
        actions.action_key,
        COUNT(events.seq) AS intent_count
    FROM actions
    LEFT JOIN events
        ON events.action_key = actions.action_key AND events.to_state = 'INTENT'
    GROUP BY
        actions.action_key
), refunds_on_orders AS (
    SELECT
        shopify_refunds.refund_id,
        CASE
            WHEN COUNT(DISTINCT COALESCE(shopify_refunds.shop_currency, shopify_refunds.currency)) = 1
            THEN MIN(COALESCE(shopify_refunds.shop_currency, shopify_refunds.currency))
        END AS currency,
        SUM(COALESCE(shopify_refunds.shop_amount, shopify_refunds.transaction_amount)) AS amount
    FROM shopify_refunds
    WHERE
        shopify_refunds.status = 'success'
        AND COALESCE(shopify_refunds.shop_amount, shopify_refunds.transaction_amount) <> 0
        AND shopify_refunds.order_id IN (
            SELECT
                returns.provider_order_id
            FROM returns
        )
    GROUP BY
        shopify_refunds.refund_id
), counted AS (
    SELECT
        'recon_refund' AS mart,
        refunds_on_orders.currency,
        1 AS row_count,
        refunds_on_orders.amount
    FROM refunds_on_orders
    UNION ALL
    SELECT
        'recon_endpoint' AS mart,
        returns.currency,
        1 AS row_count,
        returns.return_total AS amount
    FROM returns
    UNION ALL
    SELECT
        'recon_endpoint' AS mart,
        unlisted.currency,
        1 AS row_count,
        unlisted.amount
    FROM unlisted
    UNION ALL
    SELECT
        'recon_endpoint' AS mart,
        CAST(NULL AS TEXT) AS currency,
        1 AS row_count,
        0 AS amount
    FROM told_only
    UNION ALL
    SELECT
        'recon_money' AS mart,
        returns.currency,
        @identity_count + CASE WHEN returns.outcome_derived = 'refund' AND @identity_p5 <> 'off' THEN 1 ELSE 0 END AS row_count,
        0 AS amount
    FROM returns
    UNION ALL
    SELECT
        'recon_money' AS mart,
        money_sides.currency,
        0 AS row_count,
        money_sides.amount
    FROM money_sides
    UNION ALL
    SELECT
        'fin_open_returns' AS mart,
        returns.currency,
        1 AS row_count,
        CASE WHEN returns.refund_processed_at IS NULL THEN COALESCE(returns.refund, 0) ELSE 0 END + CASE WHEN returns.gift_card_processed_at IS NULL THEN COALESCE(returns.gift_card, 0) ELSE 0 END + CASE
            WHEN returns.exchange_processed_at IS NULL
            THEN COALESCE(returns.exchange_credit_total, 0)
            ELSE 0
        END AS amount
    FROM returns
    INNER JOIN return_states
        ON return_states.state = returns.state
    WHERE
        return_states.is_live
    UNION ALL
    SELECT
        'action_outcome' AS mart,
        actions.currency,
        GREATEST(intents.intent_count, 1) AS row_count,
        GREATEST(intents.intent_count, 1) * COALESCE(actions.amount, 0) AS amount
    FROM actions
    INNER JOIN intents
        ON intents.action_key = actions.action_key
    UNION ALL
    SELECT
        'fin_label_cost' AS mart,
        returns.currency,
        COALESCE(labelled.label_count, 1) AS row_count,
        CASE
            WHEN labelled.return_id IS NULL
            THEN CAST(returns.label_rate * @policy_label_rate_factor AS DECIMAL(18, 4))
            ELSE labelled.label_rate
        END AS amount
    FROM returns
    LEFT JOIN labelled
        ON labelled.return_id = returns.return_id
    WHERE
        NOT labelled.return_id IS NULL
        OR NOT returns.tracking_number IS NULL
        OR NOT returns.label_rate IS NULL
    UNION ALL
    @population_rows()
), populations AS (
    SELECT
        counted.mart,
        COALESCE(counted.currency, 'XXX') AS currency,
        SUM(counted.row_count) AS row_count,
        SUM(COALESCE(counted.amount, 0)) AS amount
    FROM counted
    GROUP BY
        counted.mart,
        COALESCE(counted.currency, 'XXX')
), totals AS (
    SELECT
        classes.mart,
        classes.currency,
        SUM(classes.row_count) AS row_count,
        SUM(classes.amount) AS amount
    FROM classes
    GROUP BY
        classes.mart,
        classes.currency
), pairs AS (
    SELECT
        classes.mart,
        classes.currency
    FROM classes
    UNION
    SELECT
        populations.mart,
        populations.currency
    FROM populations
), balanced AS (
    SELECT
        pairs.mart,
        COALESCE(classes.match_class, 'none') AS match_class,
        pairs.currency,
        COALESCE(classes.row_count, 0) AS row_count,
        COALESCE(classes.amount, 0) AS amount,
        COALESCE(populations.row_count, 0) AS population_rows,
        COALESCE(populations.amount, 0) AS population_amount,
        COALESCE(populations.row_count, 0) - COALESCE(totals.row_count, 0) AS residual_rows,
        COALESCE(populations.amount, 0) - COALESCE(totals.amount, 0) AS residual_amount
    FROM pairs
    LEFT JOIN classes
        ON classes.mart = pairs.mart AND classes.currency = pairs.currency
    LEFT JOIN populations
        ON populations.mart = pairs.mart AND populations.currency = pairs.currency
    LEFT JOIN totals
        ON totals.mart = pairs.mart AND totals.currency = pairs.currency
), final AS (
    SELECT
        CAST(balanced.mart AS TEXT) AS mart,
        CAST(balanced.match_class AS TEXT) AS match_class,
        CAST(balanced.currency AS TEXT) AS currency,
        CAST(balanced.row_count AS BIGINT) AS row_count,
        CAST(balanced.amount AS DECIMAL(18, 4)) AS amount,
        CAST(balanced.population_rows AS BIGINT) AS population_rows,
        CAST(balanced.population_amount AS DECIMAL(18, 4)) AS population_amount,
        CAST(balanced.residual_rows AS BIGINT) AS residual_rows,
        CAST(balanced.residual_amount AS DECIMAL(18, 4)) AS residual_amount,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM balanced
)
SELECT
    *
FROM final
