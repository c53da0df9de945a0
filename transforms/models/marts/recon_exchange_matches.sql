MODEL (
    name marts.recon_exchange_matches,
    kind FULL,
    description 'One row per return with exchange items: which Shopify order or which of Shopify''s returns they became, by which step.',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        mode = 'order: an order of its own; native: lines of the first order; unknown: Loop names no order, and the first one has no exchange lines. [policy] exchange_mode sets it for all',
        is_due = 'True when the return is closed, or Loop says that the exchange was carried out',
        is_dead = 'True for cancelled and expired returns',
        closed_at = 'When the return was closed, UTC: by the shipping notice, else its last change',
        currency = 'Shop currency, ISO 4217',
        first_order_id = 'Shopify''s id of the order that is returned',
        exchange_order_id = 'Shopify''s id of the exchange order that Loop names, the first of several; null in native mode',
        exchange_order_name = 'Its name, as Loop writes it',
        exchange_orders = 'Exchange orders that Loop names',
        found_orders = 'Those of them that Shopify has and has not cancelled',
        sharing_returns = 'Returns, cancelled and expired ones left out, that name one of the same exchange orders, this one among them',
        shopify_return_id = 'Shopify''s return that the native exchange became',
        step = 'How it was found: id, items (the same units on the order), place (the next one on the order); null: not found',
        loop_returns = 'Native mode: returns on the order whose exchange is due',
        shopify_returns = 'Native mode: Shopify''s returns with exchange lines on the order, cancelled and declined ones left out',
        is_first_order_known = 'True when the extracts have lines or exchange returns of the order that is returned',
        order_currency = 'Currency of the exchange order; XXX when there are several',
        order_total = 'What was to be paid for the exchange order, with tax',
        order_discount = 'Discounts on it, the one for the returned goods among them; null when the extract does not say it',
        order_tax = 'Tax on it',
        found_at = 'When the order, or Shopify''s return, was made, UTC; the first of several'
    ),
    audits (
        not_null(columns := (return_id, mode, is_due, is_dead)),
        unique_values(columns := (
            return_id
        )),
        accepted_values("column" := mode, is_in := ('order', 'native', 'unknown'))
    )
);

WITH returns AS (
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
), order_lines AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_order_lines
), shopify_returns AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_returns
), items AS (
    SELECT
        exchanges.return_id,
        COUNT(exchanges.exchange_order_id) AS named_lines
    FROM exchanges
    GROUP BY
        exchanges.return_id
), named AS (
    SELECT
        exchanges.return_id,
        exchanges.exchange_order_id,
        MIN(exchanges.exchange_order_name) AS exchange_order_name,
        MAX(CASE WHEN returns.state IN ('cancelled', 'expired') THEN 0 ELSE 1 END) AS is_alive
    FROM exchanges
    INNER JOIN returns
        ON returns.return_id = exchanges.return_id
    WHERE
        NOT exchanges.exchange_order_id IS NULL
        AND exchanges.exchange_order_id <> COALESCE(returns.provider_order_id, '')
    GROUP BY
        exchanges.return_id,
        exchanges.exchange_order_id
), sharing AS (
    SELECT
        named.exchange_order_id,
        SUM(named.is_alive) AS returns
    FROM named
    GROUP BY
        named.exchange_order_id
), own_orders AS (
    SELECT
        named.return_id,
        MIN(named.exchange_order_id) AS exchange_order_id,
        MIN(named.exchange_order_name) AS exchange_order_name,
        COUNT(*) AS exchange_orders,
        COUNT(CASE WHEN orders.cancelled_at IS NULL THEN orders.order_id END) AS found_orders,
        MIN(CASE WHEN orders.cancelled_at IS NULL THEN orders.created_at END) AS found_at,
        CASE WHEN MIN(orders.currency) = MAX(orders.currency) THEN MIN(orders.currency) ELSE 'XXX' END AS order_currency,
        SUM(orders.total) AS order_total,
        CASE WHEN COUNT(orders.discount) = COUNT(*) THEN SUM(orders.discount) END AS order_discount,
        SUM(COALESCE(orders.tax, 0)) AS order_tax,
        MAX(sharing.returns) AS sharing_returns
    FROM named
    INNER JOIN sharing
        ON sharing.exchange_order_id = named.exchange_order_id
    LEFT JOIN orders
        ON orders.order_id = named.exchange_order_id
    GROUP BY
        named.return_id
), added AS (
    /* What each of Shopify's own returns added to its order, by item. */
    SELECT
        order_lines.shopify_return_id,
        MIN(order_lines.order_id) AS order_id,
        COALESCE(order_lines.sku, 'unknown') AS item,
        SUM(order_lines.quantity) AS units,
        MIN(order_lines.created_at) AS created_at
    FROM order_lines
    WHERE
        NOT order_lines.shopify_return_id IS NULL
    GROUP BY
        order_lines.shopify_return_id,
        COALESCE(order_lines.sku, 'unknown')
), added_by_return AS (
    SELECT
        added.shopify_return_id,
        MIN(added.order_id) AS order_id,
        LISTAGG(added.item || ' ' || CAST(added.units AS TEXT), ', '
        ORDER BY
            added.item,
            added.units) AS contents,
        MIN(added.created_at) AS created_at
    FROM added
    GROUP BY
        added.shopify_return_id
), exchange_returns AS (
    SELECT
        COALESCE(shopify_returns.shopify_return_id, added_by_return.shopify_return_id) AS shopify_return_id,
        COALESCE(shopify_returns.order_id, added_by_return.order_id) AS order_id,
        COALESCE(shopify_returns.created_at, added_by_return.created_at) AS created_at,
        added_by_return.contents
    FROM shopify_returns
    FULL JOIN added_by_return
        ON added_by_return.shopify_return_id = shopify_returns.shopify_return_id
    WHERE
        NOT COALESCE(shopify_returns.status, '') IN ('CANCELED', 'CANCELLED', 'DECLINED')
        AND (
            shopify_returns.exchange_line_count > 0 OR NOT added_by_return.shopify_return_id IS NULL
        )
), shopify_counts AS (
    SELECT
        exchange_returns.order_id,
        COUNT(*) AS shopify_returns
    FROM exchange_returns
    GROUP BY
        exchange_returns.order_id
), known_orders AS (
    SELECT
        order_lines.order_id
    FROM order_lines
    GROUP BY
        order_lines.order_id
), facts AS (
    SELECT
        items.*,
        returns.currency,
        returns.provider_order_id AS first_order_id,
        returns.state = 'closed' OR NOT returns.exchange_processed_at IS NULL AS is_processed,
        COALESCE(returns.state, '') IN ('cancelled', 'expired') AS is_dead,
        receipts.closed_at,
        CASE
            WHEN @policy_exchange_mode <> 'auto'
            THEN @policy_exchange_mode
            WHEN NOT own_orders.return_id IS NULL
            THEN 'order'
            WHEN items.named_lines > 0 OR NOT shopify_counts.order_id IS NULL
            THEN 'native'
            ELSE 'unknown'
        END AS mode,
        own_orders.exchange_order_id,
        own_orders.exchange_order_name,
        COALESCE(own_orders.exchange_orders, 0) AS exchange_orders,
        COALESCE(own_orders.found_orders, 0) AS found_orders,
        own_orders.found_at,
        own_orders.order_currency,
        own_orders.order_total,
        own_orders.order_discount,
        own_orders.order_tax,
        COALESCE(own_orders.sharing_returns, 0) AS sharing_returns,
        COALESCE(shopify_counts.shopify_returns, 0) AS shopify_returns,
        NOT COALESCE(known_orders.order_id, shopify_counts.order_id) IS NULL AS is_first_order_known
    FROM items
    INNER JOIN returns
        ON returns.return_id = items.return_id
    LEFT JOIN receipts
        ON receipts.return_id = items.return_id
    LEFT JOIN own_orders
        ON own_orders.return_id = items.return_id
    LEFT JOIN shopify_counts
        ON shopify_counts.order_id = returns.provider_order_id
    LEFT JOIN known_orders
        ON known_orders.order_id = returns.provider_order_id
), wanted AS (
    SELECT
        exchanges.return_id,
        COALESCE(exchanges.sku, 'unknown') AS item,
        COUNT(*) AS units
    FROM exchanges
    WHERE
        NOT COALESCE(exchanges.out_of_stock, FALSE)
    GROUP BY
        exchanges.return_id,
        COALESCE(exchanges.sku, 'unknown')
), wanted_by_return AS (
    SELECT
        wanted.return_id,
        LISTAGG(wanted.item || ' ' || CAST(wanted.units AS TEXT), ', '
        ORDER BY
            wanted.item,
            wanted.units) AS contents
    FROM wanted
    GROUP BY
        wanted.return_id
), native AS (
    SELECT
        facts.return_id,
        facts.first_order_id AS order_id,
        facts.closed_at,
        wanted_by_return.contents,
        ROW_NUMBER() OVER (
            PARTITION BY facts.first_order_id, wanted_by_return.contents
            ORDER BY facts.closed_at, facts.return_id
        ) AS place,
        COUNT(*) OVER (PARTITION BY facts.first_order_id) AS loop_returns
    FROM facts
    INNER JOIN wanted_by_return
        ON wanted_by_return.return_id = facts.return_id
    WHERE
        facts.mode = 'native' AND facts.is_processed AND NOT facts.first_order_id IS NULL
), offered AS (
    SELECT
        exchange_returns.*,
        ROW_NUMBER() OVER (
            PARTITION BY exchange_returns.order_id, exchange_returns.contents
            ORDER BY exchange_returns.created_at, exchange_returns.shopify_return_id
        ) AS place
    FROM exchange_returns
), by_items AS (
    SELECT
        native.return_id,
        offered.shopify_return_id,
        offered.created_at
    FROM native
    INNER JOIN offered
        ON offered.order_id = native.order_id
        AND offered.contents = native.contents
        AND offered.place = native.place
), rest_native AS (
    SELECT
        native.return_id,
        native.order_id,
        ROW_NUMBER() OVER (PARTITION BY native.order_id ORDER BY native.closed_at, native.return_id) AS place
    FROM native
    LEFT JOIN by_items
        ON by_items.return_id = native.return_id
    WHERE
        by_items.return_id IS NULL
), rest_offered AS (
    SELECT
        offered.shopify_return_id,
        offered.order_id,
        offered.created_at,
        ROW_NUMBER() OVER (PARTITION BY offered.order_id ORDER BY offered.created_at, offered.shopify_return_id) AS place
    FROM offered
    LEFT JOIN by_items
        ON by_items.shopify_return_id = offered.shopify_return_id
    WHERE
        by_items.shopify_return_id IS NULL
), by_place AS (
    SELECT
        rest_native.return_id,
        rest_offered.shopify_return_id,
        rest_offered.created_at
    FROM rest_native
    INNER JOIN rest_offered
        ON rest_offered.order_id = rest_native.order_id AND rest_offered.place = rest_native.place
), final AS (
    SELECT
        CAST(facts.return_id AS TEXT) AS return_id,
        CAST(facts.mode AS TEXT) AS mode,
        CAST(COALESCE(facts.is_processed, FALSE) AS BOOLEAN) AS is_due,
        CAST(facts.is_dead AS BOOLEAN) AS is_dead,
        CAST(facts.closed_at AS TIMESTAMPTZ) AS closed_at,
        CAST(facts.currency AS TEXT) AS currency,
        CAST(facts.first_order_id AS TEXT) AS first_order_id,
        CAST(facts.exchange_order_id AS TEXT) AS exchange_order_id,
        CAST(facts.exchange_order_name AS TEXT) AS exchange_order_name,
        CAST(facts.exchange_orders AS BIGINT) AS exchange_orders,
        CAST(facts.found_orders AS BIGINT) AS found_orders,
        CAST(facts.sharing_returns AS BIGINT) AS sharing_returns,
        CAST(COALESCE(by_items.shopify_return_id, by_place.shopify_return_id) AS TEXT) AS shopify_return_id,
        CAST(CASE
            WHEN facts.mode = 'order' AND facts.exchange_orders > 0 AND facts.found_orders = facts.exchange_orders
            THEN 'id'
            WHEN NOT by_items.return_id IS NULL
            THEN 'items'
            WHEN NOT by_place.return_id IS NULL
            THEN 'place'
        END AS TEXT) AS step,
        CAST(COALESCE(native.loop_returns, 0) AS BIGINT) AS loop_returns,
        CAST(CASE WHEN facts.mode = 'native' THEN facts.shopify_returns ELSE 0 END AS BIGINT) AS shopify_returns,
        CAST(facts.is_first_order_known AS BOOLEAN) AS is_first_order_known,
        CAST(facts.order_currency AS TEXT) AS order_currency,
        CAST(facts.order_total AS DECIMAL(18, 4)) AS order_total,
        CAST(facts.order_discount AS DECIMAL(18, 4)) AS order_discount,
        CAST(facts.order_tax AS DECIMAL(18, 4)) AS order_tax,
        CAST(CASE
            WHEN facts.mode = 'order'
            THEN facts.found_at
            ELSE COALESCE(by_items.created_at, by_place.created_at)
        END AS TIMESTAMPTZ) AS found_at
    FROM facts
    LEFT JOIN native
        ON native.return_id = facts.return_id
    LEFT JOIN by_items
        ON by_items.return_id = facts.return_id
    LEFT JOIN by_place
        ON by_place.return_id = facts.return_id
)
SELECT
    *
FROM final
