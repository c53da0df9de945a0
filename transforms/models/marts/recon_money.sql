MODEL (
    name marts.recon_money,
    kind FULL,
    description 'One row per return and money identity that applies to it: does the return foot? Only an enforced identity can break.',
    tags (
        per_return
    ),
    grain (return_id, identity_id),
    column_descriptions (
        return_id = 'Loop''s id of the return',
        identity_id = 'Identity, C1 to G3: staging.seed_identities says what should hold',
        match_class = 'matched: within tolerance; amount_break: beyond it and enforced; observed: beyond it, or an amount is missing, and not enforced',
        severity = '2 while the return is live, 3 after that; null when it is no break',
        amount = 'Residual: left minus right, in the return''s currency; null when an amount is missing',
        currency = 'Shop currency, ISO 4217',
        left_amount = 'Left side of the identity',
        right_amount = 'Right side of the identity',
        tolerance = 'Largest difference that is no break',
        mode = 'enforce, observe or profile: the merchant''s setting',
        outcome_derived = 'What the amounts say the customer gets',
        is_informative = 'True when a gift card, a fee, an upsell or shipping is in play, so that the guesses differ',
        root_cause = 'edited_after when the return was edited; rounding within one minor unit a line; else unknown; null when matched',
        created_at = 'When the return was made, UTC',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (return_id, identity_id, match_class)),
        unique_combination_of_columns(columns := (return_id, identity_id)),
        accepted_values("column" := match_class, is_in := ('matched', 'amount_break', 'observed'))
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
), identities AS (
    SELECT
        *
    FROM staging.seed_identities
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), line_sums AS (
    SELECT
        return_lines.return_id,
        COUNT(*) AS line_count,
        SUM(return_lines.price) AS price,
        SUM(return_lines.discount) AS discount,
        SUM(return_lines.tax) AS tax,
        SUM(return_lines.refund) AS refund,
        SUM(return_lines.refund_item + return_lines.refund_tax) AS refund_parts
    FROM return_lines
    GROUP BY
        return_lines.return_id
), totals AS (
    SELECT
        returns.return_id,
        returns.currency,
        returns.outcome_derived,
        returns.created_at,
        returns.edited_at,
        returns.return_product_total,
        returns.return_discount_total,
        returns.return_tax_total,
        returns.return_total,
        returns.return_credit_total,
        returns.exchange_product_total,
        returns.exchange_discount_total,
        returns.exchange_tax_total,
        returns.exchange_total,
        returns.exchange_credit_total,
        returns.refund,
        COALESCE(returns.gift_card, 0) AS gift_card,
        COALESCE(returns.handling_fee, 0) AS handling_fee,
        COALESCE(returns.upsell, 0) AS upsell,
        COALESCE(returns.refund_shipping_total, 0) + COALESCE(returns.refund_shipping_tax_total, 0) AS shipping,
        COALESCE(return_states.is_live, FALSE) AS is_live,
        COALESCE(currencies.minor_unit, 0.01) AS minor_unit,
        COALESCE(line_sums.line_count, 0) AS line_count,
        COALESCE(line_sums.price, 0) AS line_price,
        COALESCE(line_sums.discount, 0) AS line_discount,
        COALESCE(line_sums.tax, 0) AS line_tax,
        COALESCE(line_sums.refund, 0) AS line_refund,
        COALESCE(line_sums.refund_parts, 0) AS line_refund_parts
    FROM returns
    LEFT JOIN line_sums
        ON line_sums.return_id = returns.return_id
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
    LEFT JOIN return_states
        ON return_states.state = returns.state
), amounts AS (
    SELECT
        totals.*,
        totals.gift_card <> 0 OR totals.handling_fee <> 0 OR totals.upsell <> 0 OR totals.shipping <> 0 AS is_informative,
        CAST(@tolerance_minor_units * totals.minor_unit AS DECIMAL(18, 8)) AS header_tolerance,
        CAST(@tolerance_minor_units * totals.minor_unit * GREATEST(1, @tolerance_per_line * totals.line_count) AS DECIMAL(18, 8)) AS tolerance
    FROM totals
), sides AS (
    SELECT
        amounts.return_id,
        amounts.currency,
        amounts.outcome_derived,
        amounts.created_at,
        amounts.edited_at,
        amounts.is_live,
        amounts.is_informative,
        CASE WHEN identities.is_header_only THEN amounts.header_tolerance ELSE amounts.tolerance END AS tolerance,
        identities.identity_id,
        CASE identities.identity_id
            WHEN 'C1'
            THEN @identity_c1
            WHEN 'C2'
            THEN @identity_c2
            WHEN 'C3'
            THEN @identity_c3
            WHEN 'C4'
            THEN @identity_c4
            WHEN 'P1'
            THEN @identity_p1
            WHEN 'P2'
            THEN @identity_p2
            WHEN 'P3'
            THEN @identity_p3
            WHEN 'P4'
            THEN @identity_p4
            WHEN 'P5'
            THEN @identity_p5
            WHEN 'G1a'
            THEN @identity_g1a
            WHEN 'G1b'
            THEN @identity_g1b
            WHEN 'G1c'
            THEN @identity_g1c
            WHEN 'G3'
            THEN @identity_g3
        END AS mode,
        CASE identities.identity_id
            WHEN 'C1'
            THEN amounts.return_total
            WHEN 'C2'
            THEN amounts.exchange_total
            WHEN 'C3'
            THEN amounts.line_refund
            WHEN 'C4'
            THEN amounts.upsell
            WHEN 'P1'
            THEN amounts.return_product_total
            WHEN 'P2'
            THEN amounts.return_discount_total
            WHEN 'P3'
            THEN amounts.return_tax_total
            WHEN 'P4'
            THEN amounts.refund
            WHEN 'P5'
            THEN amounts.line_refund
            WHEN 'G3'
            THEN amounts.gift_card + amounts.exchange_credit_total + amounts.refund + amounts.handling_fee
            ELSE amounts.return_total + amounts.shipping
        END AS left_amount,
        CASE identities.identity_id
            WHEN 'C1'
            THEN amounts.return_product_total - amounts.return_discount_total + amounts.return_tax_total
            WHEN 'C2'
            THEN amounts.exchange_product_total - amounts.exchange_discount_total + amounts.exchange_tax_total
            WHEN 'C3'
            THEN amounts.line_refund_parts
            WHEN 'C4'
            THEN GREATEST(0, amounts.exchange_credit_total - amounts.return_credit_total)
            WHEN 'P1'
            THEN amounts.line_price
            WHEN 'P2'
            THEN amounts.line_discount
            WHEN 'P3'
            THEN amounts.line_tax
            WHEN 'P4'
            THEN amounts.line_refund
            WHEN 'P5'
            THEN amounts.line_price - amounts.line_discount + amounts.line_tax
            WHEN 'G1a'
            THEN amounts.exchange_credit_total + amounts.refund + amounts.gift_card + amounts.handling_fee - amounts.upsell
            WHEN 'G1b'
            THEN amounts.return_credit_total + amounts.refund + amounts.handling_fee
            WHEN 'G1c'
            THEN amounts.return_credit_total + amounts.refund + amounts.gift_card + amounts.handling_fee
            WHEN 'G3'
            THEN amounts.return_total
        END AS right_amount
    FROM amounts
    CROSS JOIN identities
    WHERE
        identities.identity_id <> 'P5' OR amounts.outcome_derived = 'refund'
), residuals AS (
    SELECT
        sides.*,
        sides.left_amount - sides.right_amount AS amount
    FROM sides
    WHERE
        sides.mode <> 'off'
), classified AS (
    SELECT
        residuals.*,
        CASE
            WHEN ABS(residuals.amount) <= residuals.tolerance
            THEN 'matched'
            WHEN residuals.mode = 'enforce' AND NOT residuals.amount IS NULL
            THEN 'amount_break'
            ELSE 'observed'
        END AS match_class
    FROM residuals
), final AS (
    SELECT
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.identity_id AS TEXT) AS identity_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class = 'amount_break' AND classified.is_live
            THEN 2
            WHEN classified.match_class = 'amount_break'
            THEN 3
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.left_amount AS DECIMAL(18, 4)) AS left_amount,
        CAST(classified.right_amount AS DECIMAL(18, 4)) AS right_amount,
        CAST(classified.tolerance AS DECIMAL(18, 4)) AS tolerance,
        CAST(classified.mode AS TEXT) AS mode,
        CAST(classified.outcome_derived AS TEXT) AS outcome_derived,
        CAST(classified.is_informative AS BOOLEAN) AS is_informative,
        CAST(CASE
            WHEN classified.match_class = 'matched'
            THEN NULL
            WHEN NOT classified.edited_at IS NULL
            THEN 'edited_after'
            WHEN ABS(classified.amount) <= 2 * classified.tolerance
            THEN 'rounding'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(classified.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(@execution_ts AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
