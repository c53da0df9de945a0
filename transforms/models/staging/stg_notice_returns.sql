MODEL (
    name staging.stg_notice_returns,
    kind FULL,
    description 'One row per shipping-notice row: the return that it belongs to, by its line, or by its own id where that is measured to be the return''s.',
    grain (asn_id, line_item_id),
    column_descriptions (
        asn_id = 'Id of the notice''s row',
        line_item_id = 'Loop''s id of the returned line',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null when no return can be named',
        placed_by = 'line: the line is in the list; asn_id: the return is in no list, and the notice''s id names it; none: neither',
        known_return_id = 'Return in the list with the notice''s own id, where that id is measured to be the return''s',
        id_share = 'Share of the rows placed by line whose id is the return''s id; null when no row was placed'
    ),
    audits (
        not_null(columns := (asn_id, line_item_id)),
        unique_combination_of_columns(columns := (asn_id, line_item_id))
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
), shipping_notices AS (
    SELECT
        *
    FROM staging.stg_shipping_notices
), line_owners AS (
    SELECT
        return_lines.line_item_id,
        MIN(return_lines.return_id) AS return_id
    FROM return_lines
    WHERE
        NOT return_lines.line_item_id IS NULL
    GROUP BY
        return_lines.line_item_id
), hypothesis AS (
    SELECT
        AVG(CASE WHEN shipping_notices.asn_id = line_owners.return_id THEN 1.0 ELSE 0.0 END) AS id_share
    FROM shipping_notices
    INNER JOIN line_owners
        ON line_owners.line_item_id = shipping_notices.line_item_id
), placed AS (
    SELECT
        shipping_notices.asn_id,
        shipping_notices.line_item_id,
        hypothesis.id_share,
        CASE WHEN hypothesis.id_share >= 0.99 THEN returns.return_id END AS known_return_id,
        CASE
            WHEN NOT line_owners.return_id IS NULL
            THEN line_owners.return_id
            WHEN hypothesis.id_share >= 0.99 AND returns.return_id IS NULL
            THEN shipping_notices.asn_id
        END AS return_id,
        CASE
            WHEN NOT line_owners.return_id IS NULL
            THEN 'line'
            WHEN hypothesis.id_share >= 0.99 AND returns.return_id IS NULL
            THEN 'asn_id'
            ELSE 'none'
        END AS placed_by
    FROM shipping_notices
    CROSS JOIN hypothesis
    LEFT JOIN line_owners
        ON line_owners.line_item_id = shipping_notices.line_item_id
    LEFT JOIN returns
        ON returns.return_id = shipping_notices.asn_id
), final AS (
    SELECT
        CAST(placed.asn_id AS TEXT) AS asn_id,
        CAST(placed.line_item_id AS TEXT) AS line_item_id,
        CAST(placed.return_id AS TEXT) AS return_id,
        CAST(placed.placed_by AS TEXT) AS placed_by,
        CAST(placed.known_return_id AS TEXT) AS known_return_id,
        CAST(placed.id_share AS DECIMAL(18, 4)) AS id_share
    FROM placed
)
SELECT
    *
FROM final
