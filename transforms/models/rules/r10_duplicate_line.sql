MODEL (
    name rules.r10_duplicate_line,
    kind FULL,
    description 'One row per return that R10 would flag: open, and it holds an order line that an earlier return, still live, holds too. What was bought is not in Loop''s list, so a person compares.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'What the customer gets: cash, gift card and exchange credit',
        currency = 'Shop currency, ISO 4217',
        score = 'How sure the rule is, 0 to 1',
        evidence = 'Facts that the rule stands on, as a JSON object; no ages',
        expect_state = 'State of the return that the rule saw',
        expect_updated_at = 'Last change of the return that the rule saw, UTC'
    ),
    audits (
        not_null(columns := (return_id, reason, evidence, expect_state))
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), return_lines AS (
    SELECT
        *
    FROM staging.stg_return_lines
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), holdings AS (
    SELECT
        return_lines.provider_line_item_id,
        returns.return_id,
        returns.created_at,
        COUNT(*) AS units
    FROM return_lines
    INNER JOIN returns
        ON returns.return_id = return_lines.return_id
    INNER JOIN return_states
        ON return_states.state = returns.state
    WHERE
        return_states.is_live AND NOT return_lines.provider_line_item_id IS NULL
    GROUP BY
        return_lines.provider_line_item_id,
        returns.return_id,
        returns.created_at
), ordered AS (
    SELECT
        holdings.*,
        FIRST_VALUE(holdings.return_id) OVER (PARTITION BY holdings.provider_line_item_id ORDER BY holdings.created_at, holdings.return_id) AS first_return_id,
        SUM(holdings.units) OVER (PARTITION BY holdings.provider_line_item_id ORDER BY holdings.created_at, holdings.return_id) AS units_so_far
    FROM holdings
), doubled AS (
    SELECT
        ordered.return_id,
        MIN(ordered.first_return_id) AS first_return_id,
        LISTAGG(
            ordered.provider_line_item_id || ' x' || CAST(ordered.units_so_far AS TEXT), ', '
            ORDER BY
                ordered.provider_line_item_id
        ) AS order_lines
    FROM ordered
    WHERE
        ordered.return_id <> ordered.first_return_id
    GROUP BY
        ordered.return_id
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        doubled.first_return_id,
        doubled.order_lines
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN doubled
        ON doubled.return_id = returns.return_id
    WHERE
        returns.state = 'open'
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('duplicate_line' AS TEXT) AS reason_code,
        CAST('the same order line is in return ' || picked.first_return_id || ', which is live too' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('first_return_id', picked.first_return_id, 'order_lines', picked.order_lines) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
