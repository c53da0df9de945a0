MODEL (
    name marts.prod_size_exchange,
    kind FULL,
    description 'One row per product, size that came back, size that was wanted instead, and currency: the matrix of exchanges within a product; and what was swapped for another product.',
    grain (product_id, match_class, from_size, to_size, currency),
    column_descriptions (
        product_id = 'Shopify''s product of the new item; none when Loop does not say',
        title = 'Its title',
        match_class = 'same_product: another variant of what came back; other_product: nothing of this product came back; ambiguous: several variants of it came back in the return, so nobody knows which was swapped',
        from_size = 'Variant that came back: its name, learned from returns with a single new item, else its SKU; none where it is not known',
        to_size = 'Variant that was wanted, the same way',
        currency = 'Shop currency, ISO 4217; XXX when there is none',
        direction = 'larger, smaller or same, by the last word of both names: a number, or a size of the seed size_ranks; null when it is neither, and for other classes than same_product',
        units = 'New items, of returns that were not cancelled',
        amount = 'Their price after discount',
        from_units = 'New items for this product and size that came back, whatever was wanted; null for other classes than same_product',
        share = 'Units of these; null when they are fewer than 30',
        share_low = 'Lower end of its 95 % interval (Wilson)',
        share_high = 'Upper end of it',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (product_id, match_class, from_size, to_size, currency, units)),
        unique_combination_of_columns(columns := (product_id, match_class, from_size, to_size, currency)),
        accepted_values("column" := match_class, is_in := ('same_product', 'other_product', 'ambiguous'))
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
), exchanges AS (
    SELECT
        *
    FROM staging.stg_exchanges
), size_ranks AS (
    SELECT
        *
    FROM staging.seed_size_ranks
), wanted AS (
    SELECT
        return_lines.return_id,
        MIN(return_lines.exchange_variant) AS name
    FROM return_lines
    GROUP BY
        return_lines.return_id
    HAVING
        MIN(return_lines.exchange_variant) = MAX(return_lines.exchange_variant)
), single_items AS (
    SELECT
        exchanges.return_id,
        MIN(exchanges.variant_id) AS variant_id
    FROM exchanges
    GROUP BY
        exchanges.return_id
    HAVING
        COUNT(*) = 1
), names AS (
    /* The list gives a variant's name only where it is wanted: learned where it can be one item alone. */
    SELECT
        single_items.variant_id,
        MIN(wanted.name) AS name
    FROM single_items
    INNER JOIN wanted
        ON wanted.return_id = single_items.return_id
    WHERE
        NOT single_items.variant_id IS NULL
    GROUP BY
        single_items.variant_id
    HAVING
        MIN(wanted.name) = MAX(wanted.name)
), came_back AS (
    SELECT
        return_lines.return_id,
        return_lines.product_id,
        COUNT(DISTINCT COALESCE(return_lines.variant_id, return_lines.sku, '')) AS variant_count,
        MIN(return_lines.variant_id) AS variant_id,
        MIN(return_lines.sku) AS sku
    FROM return_lines
    WHERE
        NOT return_lines.product_id IS NULL
    GROUP BY
        return_lines.return_id,
        return_lines.product_id
), swapped AS (
    SELECT
        COALESCE(exchanges.product_id, 'none') AS product_id,
        exchanges.title,
        COALESCE(returns.currency, 'XXX') AS currency,
        COALESCE(exchanges.price, 0) - COALESCE(exchanges.discount, 0) AS amount,
        CASE
            WHEN came_back.return_id IS NULL
            THEN 'other_product'
            WHEN came_back.variant_count > 1
            THEN 'ambiguous'
            ELSE 'same_product'
        END AS match_class,
        CASE
            WHEN came_back.variant_count = 1
            THEN COALESCE(from_names.name, came_back.sku, came_back.variant_id, 'none')
            ELSE 'none'
        END AS from_size,
        COALESCE(to_names.name, exchanges.sku, exchanges.variant_id, 'none') AS to_size
    FROM exchanges
    INNER JOIN returns
        ON returns.return_id = exchanges.return_id
    LEFT JOIN came_back
        ON came_back.return_id = exchanges.return_id AND came_back.product_id = exchanges.product_id
    LEFT JOIN names AS from_names
        ON from_names.variant_id = came_back.variant_id
    LEFT JOIN names AS to_names
        ON to_names.variant_id = exchanges.variant_id
    WHERE
        COALESCE(returns.state, '') <> 'cancelled'
), grouped AS (
    SELECT
        swapped.product_id,
        swapped.match_class,
        swapped.from_size,
        swapped.to_size,
        swapped.currency,
        MAX(swapped.title) AS title,
        COUNT(*) AS units,
        SUM(swapped.amount) AS amount,
        LOWER(REGEXP_REPLACE(swapped.from_size, '^.*[ /-]', '')) AS from_word,
        LOWER(REGEXP_REPLACE(swapped.to_size, '^.*[ /-]', '')) AS to_word
    FROM swapped
    GROUP BY
        swapped.product_id,
        swapped.match_class,
        swapped.from_size,
        swapped.to_size,
        swapped.currency
), sized AS (
    SELECT
        grouped.*,
        CASE
            WHEN grouped.match_class = 'same_product'
            THEN SUM(grouped.units) OVER (PARTITION BY grouped.product_id, grouped.match_class, grouped.from_size, grouped.currency)
        END AS from_units,
        COALESCE(@parsed(grouped.from_word, DOUBLE), 0) AS from_number,
        COALESCE(@parsed(grouped.to_word, DOUBLE), 0) AS to_number,
        COALESCE(from_ranks.rank, 0) AS from_rank,
        COALESCE(to_ranks.rank, 0) AS to_rank
    FROM grouped
    LEFT JOIN size_ranks AS from_ranks
        ON from_ranks.size = grouped.from_word
    LEFT JOIN size_ranks AS to_ranks
        ON to_ranks.size = grouped.to_word
), judged AS (
    SELECT
        sized.*,
        CASE
            WHEN sized.match_class <> 'same_product'
            THEN NULL
            WHEN sized.from_rank > 0 AND sized.to_rank > 0
            THEN sized.to_rank - sized.from_rank
            WHEN sized.from_number > 0 AND sized.to_number > 0
            THEN sized.to_number - sized.from_number
        END AS step,
        COALESCE(sized.from_units, 0) >= 30 AS is_enough,
        sized.units / NULLIF(CAST(sized.from_units AS DOUBLE), 0) AS share,
        @wilson_low(sized.units, sized.from_units) AS share_low,
        @wilson_high(sized.units, sized.from_units) AS share_high
    FROM sized
), final AS (
    SELECT
        CAST(judged.product_id AS TEXT) AS product_id,
        CAST(judged.title AS TEXT) AS title,
        CAST(judged.match_class AS TEXT) AS match_class,
        CAST(judged.from_size AS TEXT) AS from_size,
        CAST(judged.to_size AS TEXT) AS to_size,
        CAST(judged.currency AS TEXT) AS currency,
        CAST(CASE
            WHEN judged.step > 0
            THEN 'larger'
            WHEN judged.step < 0
            THEN 'smaller'
            WHEN judged.step = 0
            THEN 'same'
        END AS TEXT) AS direction,
        CAST(judged.units AS BIGINT) AS units,
        CAST(judged.amount AS DECIMAL(18, 4)) AS amount,
        CAST(judged.from_units AS BIGINT) AS from_units,
        CAST(CASE WHEN judged.is_enough THEN judged.share END AS DECIMAL(9, 6)) AS share,
        CAST(CASE WHEN judged.is_enough THEN judged.share_low END AS DECIMAL(9, 6)) AS share_low,
        CAST(CASE WHEN judged.is_enough THEN judged.share_high END AS DECIMAL(9, 6)) AS share_high,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM judged
)
SELECT
    *
FROM final
