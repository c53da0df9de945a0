MODEL (
    name marts.recon_exchange_lines,
    kind FULL,
    description 'One row per return and new item: units and value that Loop promises against those on the Shopify order. The Shopify side is empty where no order is found, or without the extract of order lines.',
    grain (return_id, item),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        item = 'SKU of the new item; unknown where it has none',
        currency = 'Shop currency, ISO 4217',
        due_units = 'Units that must go out: those in stock; 0: nobody promised the item',
        waiting_units = 'Units out of stock, and nothing was done about it',
        settled_units = 'Units out of stock about which something was done',
        ordered_units = 'Units on the Shopify order',
        missing_units = 'Units that must go out and are not on the order',
        surplus_units = 'Units on the order that nobody promised',
        foreign_units = 'Units on the order in another currency: in no value',
        due_value = 'Price of the units that must go out, before discount and tax',
        ordered_value = 'The same on the order',
        due_tax = 'Tax on the units that must go out',
        ordered_tax = 'The same on the order; null when the extract does not say it',
        due_total = 'Price less discount plus tax of the units that must go out',
        due_discount = 'Their own discount, without the one for the returned goods',
        ordered_total = 'Price less discount plus tax on the order',
        waiting_total = 'Price less discount plus tax of the units that wait',
        settled_total = 'The same of the settled units'
    ),
    audits (
        not_null(columns := (return_id, item, due_units, waiting_units, settled_units)),
        unique_combination_of_columns(columns := (return_id, item))
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
), order_lines AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_order_lines
), matches AS (
    SELECT
        *
    FROM marts.recon_exchange_matches
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
), feed AS (
    SELECT
        BOOL_OR(CAST(extracts.is_present AS BOOLEAN)) AS is_present
    FROM extracts
    WHERE
        extracts.name = 'shopify_order_lines'
), units AS (
    SELECT
        exchanges.return_id,
        COALESCE(exchanges.sku, 'unknown') AS item,
        CASE
            WHEN NOT COALESCE(exchanges.out_of_stock, FALSE)
            THEN 'due'
            WHEN exchanges.out_of_stock_resolution IS NULL
            THEN 'waiting'
            ELSE 'settled'
        END AS fate,
        COALESCE(exchanges.price, 0) AS price,
        COALESCE(exchanges.discount, 0) AS discount,
        COALESCE(exchanges.tax, 0) AS tax,
        COALESCE(exchanges.price, 0) - COALESCE(exchanges.discount, 0) + COALESCE(exchanges.tax, 0) AS total
    FROM exchanges
), promised AS (
    SELECT
        units.return_id,
        units.item,
        SUM(CASE WHEN units.fate = 'due' THEN 1 ELSE 0 END) AS due_units,
        SUM(CASE WHEN units.fate = 'waiting' THEN 1 ELSE 0 END) AS waiting_units,
        SUM(CASE WHEN units.fate = 'settled' THEN 1 ELSE 0 END) AS settled_units,
        SUM(CASE WHEN units.fate = 'due' THEN units.price ELSE 0 END) AS due_value,
        SUM(CASE WHEN units.fate = 'due' THEN units.discount ELSE 0 END) AS due_discount,
        SUM(CASE WHEN units.fate = 'due' THEN units.tax ELSE 0 END) AS due_tax,
        SUM(CASE WHEN units.fate = 'due' THEN units.total ELSE 0 END) AS due_total,
        SUM(CASE WHEN units.fate = 'waiting' THEN units.total ELSE 0 END) AS waiting_total,
        SUM(CASE WHEN units.fate = 'settled' THEN units.total ELSE 0 END) AS settled_total
    FROM units
    GROUP BY
        units.return_id,
        units.item
), own_orders AS (
    SELECT
        exchanges.return_id,
        exchanges.exchange_order_id
    FROM exchanges
    INNER JOIN matches
        ON matches.return_id = exchanges.return_id AND matches.mode = 'order' AND matches.step = 'id'
    WHERE
        exchanges.exchange_order_id <> COALESCE(matches.first_order_id, '')
    GROUP BY
        exchanges.return_id,
        exchanges.exchange_order_id
), placed AS (
    SELECT
        own_orders.return_id,
        order_lines.line_id,
        order_lines.sku,
        order_lines.quantity,
        order_lines.price,
        order_lines.discount,
        order_lines.tax,
        order_lines.currency
    FROM own_orders
    INNER JOIN order_lines
        ON order_lines.order_id = own_orders.exchange_order_id
    UNION ALL
    SELECT
        matches.return_id,
        order_lines.line_id,
        order_lines.sku,
        order_lines.quantity,
        order_lines.price,
        order_lines.discount,
        order_lines.tax,
        order_lines.currency
    FROM matches
    INNER JOIN order_lines
        ON order_lines.shopify_return_id = matches.shopify_return_id
), priced AS (
    SELECT
        placed.return_id,
        COALESCE(placed.sku, 'unknown') AS item,
        placed.quantity,
        placed.currency = returns.currency AS is_comparable,
        placed.price * placed.quantity AS value,
        placed.tax,
        placed.price * placed.quantity - COALESCE(placed.discount, 0) + COALESCE(placed.tax, 0) AS total
    FROM placed
    INNER JOIN returns
        ON returns.return_id = placed.return_id
), ordered AS (
    SELECT
        priced.return_id,
        priced.item,
        SUM(priced.quantity) AS units,
        SUM(CASE WHEN priced.is_comparable THEN 0 ELSE priced.quantity END) AS foreign_units,
        SUM(CASE WHEN priced.is_comparable THEN priced.value ELSE 0 END) AS value,
        CASE
            WHEN COUNT(priced.tax) = COUNT(*)
            THEN SUM(CASE WHEN priced.is_comparable THEN priced.tax ELSE 0 END)
        END AS tax,
        SUM(CASE WHEN priced.is_comparable THEN priced.total ELSE 0 END) AS total
    FROM priced
    GROUP BY
        priced.return_id,
        priced.item
), compared AS (
    SELECT
        COALESCE(promised.return_id, ordered.return_id) AS return_id,
        COALESCE(promised.item, ordered.item) AS item,
        COALESCE(promised.due_units, 0) AS due_units,
        COALESCE(promised.waiting_units, 0) AS waiting_units,
        COALESCE(promised.settled_units, 0) AS settled_units,
        COALESCE(promised.due_value, 0) AS due_value,
        COALESCE(promised.due_discount, 0) AS due_discount,
        COALESCE(promised.due_tax, 0) AS due_tax,
        COALESCE(promised.due_total, 0) AS due_total,
        COALESCE(promised.waiting_total, 0) AS waiting_total,
        COALESCE(promised.settled_total, 0) AS settled_total,
        COALESCE(ordered.units, 0) AS units,
        COALESCE(ordered.foreign_units, 0) AS foreign_units,
        COALESCE(ordered.value, 0) AS value,
        CASE WHEN ordered.return_id IS NULL THEN 0 ELSE ordered.tax END AS tax,
        COALESCE(ordered.total, 0) AS total
    FROM promised
    FULL JOIN ordered
        ON ordered.return_id = promised.return_id AND ordered.item = promised.item
), seen AS (
    SELECT
        compared.*,
        matches.currency,
        feed.is_present AND NOT matches.step IS NULL AS is_seen
    FROM compared
    INNER JOIN matches
        ON matches.return_id = compared.return_id
    CROSS JOIN feed
), final AS (
    SELECT
        CAST(seen.return_id AS TEXT) AS return_id,
        CAST(seen.item AS TEXT) AS item,
        CAST(seen.currency AS TEXT) AS currency,
        CAST(seen.due_units AS BIGINT) AS due_units,
        CAST(seen.waiting_units AS BIGINT) AS waiting_units,
        CAST(seen.settled_units AS BIGINT) AS settled_units,
        CAST(CASE WHEN seen.is_seen THEN seen.units END AS BIGINT) AS ordered_units,
        CAST(CASE WHEN seen.is_seen THEN GREATEST(seen.due_units - seen.units, 0) END AS BIGINT) AS missing_units,
        CAST(CASE WHEN seen.is_seen THEN GREATEST(seen.units - seen.due_units, 0) END AS BIGINT) AS surplus_units,
        CAST(CASE WHEN seen.is_seen THEN seen.foreign_units END AS BIGINT) AS foreign_units,
        CAST(seen.due_value AS DECIMAL(18, 4)) AS due_value,
        CAST(CASE WHEN seen.is_seen THEN seen.value END AS DECIMAL(18, 4)) AS ordered_value,
        CAST(seen.due_tax AS DECIMAL(18, 4)) AS due_tax,
        CAST(CASE WHEN seen.is_seen THEN seen.tax END AS DECIMAL(18, 4)) AS ordered_tax,
        CAST(seen.due_total AS DECIMAL(18, 4)) AS due_total,
        CAST(seen.due_discount AS DECIMAL(18, 4)) AS due_discount,
        CAST(CASE WHEN seen.is_seen THEN seen.total END AS DECIMAL(18, 4)) AS ordered_total,
        CAST(seen.waiting_total AS DECIMAL(18, 4)) AS waiting_total,
        CAST(seen.settled_total AS DECIMAL(18, 4)) AS settled_total
    FROM seen
)
SELECT
    *
FROM final
