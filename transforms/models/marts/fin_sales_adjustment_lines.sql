MODEL (
    name marts.fin_sales_adjustment_lines,
    kind FULL,
    description 'One row per exchange order, and per return for store credit: what it leaves wrong in Shopify''s Discounts, Returns and Net Sales. Orders of their own only: native exchanges need none.',
    grain entity,
    column_descriptions (
        entity = 'What the row is about: order:<Shopify''s id of the exchange order> or return:<id>',
        return_id = 'Loop''s id of the return; of an order that two returns name, the first',
        order_id = 'Shopify''s id of the exchange order, or of the order that was returned for store credit',
        order_name = 'Its name; its id where it has none',
        day = 'Day of the exchange order, or on which the store credit was given, in [shop] timezone',
        currency = 'Currency of the order, ISO 4217',
        amount = 'What it is worked out from: discounts on the exchange order, or store credit promised',
        loop_discount = 'Discount for the returned goods on the exchange order',
        order_tax = 'Tax on the exchange order',
        store_credit = 'Store credit given for goods, a bonus left out',
        discounts = 'To be added to Discounts: the loop discount, taken out of it',
        returns = 'To be added to Returns: less loop discount and tax of an exchange order; less the credit where there is no loop discount; less store credit',
        net_sales = 'To be added to Net Sales: the sum of both'
    ),
    audits (
        not_null(columns := (entity, day, discounts, returns, net_sales)),
        unique_values(columns := (
            entity
        ))
    )
);

WITH loop_returns AS (
    SELECT
        *
    FROM staging.stg_returns
), exchanges AS (
    SELECT
        *
    FROM staging.stg_exchanges
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), orders AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_orders
), named AS (
    /* An order that two returns name is made by the first. */
    SELECT
        exchanges.exchange_order_id,
        loop_returns.return_id,
        SUM(COALESCE(exchanges.discount, 0)) AS own_discount,
        MAX(
            GREATEST(
                LEAST(
                    COALESCE(loop_returns.exchange_credit_total, 0),
                    COALESCE(loop_returns.return_credit_total, loop_returns.exchange_credit_total, 0)
                ),
                0
            )
        ) AS credit,
        ROW_NUMBER() OVER (
            PARTITION BY exchanges.exchange_order_id
            ORDER BY MIN(loop_returns.created_at), loop_returns.return_id
        ) AS use_no
    FROM exchanges
    INNER JOIN loop_returns
        ON loop_returns.return_id = exchanges.return_id
    WHERE
        exchanges.exchange_order_id <> COALESCE(loop_returns.provider_order_id, '')
    GROUP BY
        exchanges.exchange_order_id,
        loop_returns.return_id
), exchange_orders AS (
    SELECT
        orders.order_id,
        orders.name AS order_name,
        named.return_id,
        CAST(orders.created_at AT TIME ZONE @shop_timezone AS DATE) AS day,
        orders.currency,
        COALESCE(orders.discount, 0) AS amount,
        CASE
            WHEN orders.discount IS NULL AND @policy_loop_discount
            THEN named.credit
            ELSE GREATEST(COALESCE(orders.discount, 0) - named.own_discount, 0)
        END AS loop_discount,
        COALESCE(orders.tax, 0) AS order_tax,
        named.credit
    FROM named
    INNER JOIN orders
        ON orders.order_id = named.exchange_order_id
    WHERE
        named.use_no = 1 AND orders.cancelled_at IS NULL
), store_credits AS (
    SELECT
        loop_returns.provider_order_id AS order_id,
        COALESCE(loop_returns.order_name, loop_returns.provider_order_id, 'return ' || loop_returns.return_id) AS order_name,
        loop_returns.return_id,
        CAST(COALESCE(loop_returns.gift_card_processed_at, receipts.closed_at, CAST(@execution_ts AS TIMESTAMPTZ)) AT TIME ZONE @shop_timezone AS DATE) AS day,
        loop_returns.currency,
        loop_returns.gift_card AS amount,
        LEAST(
            loop_returns.gift_card,
            GREATEST(
                COALESCE(loop_returns.return_total, loop_returns.gift_card) + COALESCE(loop_returns.refund_shipping_total, 0) + COALESCE(loop_returns.refund_shipping_tax_total, 0),
                0
            )
        ) AS store_credit
    FROM loop_returns
    LEFT JOIN receipts
        ON receipts.return_id = loop_returns.return_id
    WHERE
        loop_returns.gift_card > 0
        AND (
            loop_returns.state = 'closed'
            OR (
                NOT loop_returns.gift_card_processed_at IS NULL
                AND NOT COALESCE(loop_returns.state, '') IN ('cancelled', 'expired')
            )
        )
), parts AS (
    SELECT
        'order:' || exchange_orders.order_id AS entity,
        exchange_orders.order_id,
        exchange_orders.order_name,
        exchange_orders.return_id,
        exchange_orders.day,
        exchange_orders.currency,
        exchange_orders.amount,
        exchange_orders.loop_discount,
        exchange_orders.order_tax,
        0 AS store_credit,
        CASE
            WHEN exchange_orders.loop_discount > 0
            THEN -exchange_orders.loop_discount - exchange_orders.order_tax
            ELSE -exchange_orders.credit
        END AS returns
    FROM exchange_orders
    UNION ALL
    SELECT
        'return:' || store_credits.return_id AS entity,
        store_credits.order_id,
        store_credits.order_name,
        store_credits.return_id,
        store_credits.day,
        store_credits.currency,
        store_credits.amount,
        0 AS loop_discount,
        0 AS order_tax,
        store_credits.store_credit,
        -store_credits.store_credit AS returns
    FROM store_credits
), final AS (
    SELECT
        CAST(parts.entity AS TEXT) AS entity,
        CAST(parts.return_id AS TEXT) AS return_id,
        CAST(parts.order_id AS TEXT) AS order_id,
        CAST(parts.order_name AS TEXT) AS order_name,
        CAST(parts.day AS DATE) AS day,
        CAST(parts.currency AS TEXT) AS currency,
        CAST(parts.amount AS DECIMAL(18, 4)) AS amount,
        CAST(parts.loop_discount AS DECIMAL(18, 4)) AS loop_discount,
        CAST(parts.order_tax AS DECIMAL(18, 4)) AS order_tax,
        CAST(parts.store_credit AS DECIMAL(18, 4)) AS store_credit,
        CAST(parts.loop_discount AS DECIMAL(18, 4)) AS discounts,
        CAST(parts.returns AS DECIMAL(18, 4)) AS returns,
        CAST(parts.loop_discount + parts.returns AS DECIMAL(18, 4)) AS net_sales
    FROM parts
)
SELECT
    *
FROM final
