MODEL (
    name rules.r06_unexpected_item,
    kind FULL,
    description 'One row per return that R06 would flag: other goods than expected, or too many, were counted.',
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
), counted AS (
    SELECT
        lines.return_id,
        LISTAGG(CAST(lines.surplus_units AS TEXT) || ' ' || lines.item, ', '
        ORDER BY
            lines.item) AS surplus
    FROM marts.recon_receipt_lines AS lines
    WHERE
        lines.surplus_units > 0
    GROUP BY
        lines.return_id
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        receipts.match_class,
        receipts.expected_units,
        counted.surplus
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN counted
        ON counted.return_id = returns.return_id
    WHERE
        returns.state = 'open' AND receipts.match_class IN ('unexpected_item', 'over_receipt')
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('unexpected_item' AS TEXT) AS reason_code,
        CAST('not expected: ' || picked.surplus AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('surplus', picked.surplus, 'expected_units', picked.expected_units) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
