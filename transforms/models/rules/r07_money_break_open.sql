MODEL (
    name rules.r07_money_break_open,
    kind FULL,
    description 'One row per return that R07 would flag: open, and an amount identity that the merchant enforces is off by more than tolerance and the rule''s own limit.',
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
), money AS (
    SELECT
        *
    FROM marts.recon_money
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), residuals AS (
    SELECT
        money.return_id,
        LISTAGG(
            money.identity_id || ' ' || CAST(CAST(money.amount AS DECIMAL(18, 2)) AS TEXT), ', '
            ORDER BY
                money.identity_id
        ) AS residuals
    FROM money
    INNER JOIN returns
        ON returns.return_id = money.return_id
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
    WHERE
        money.match_class = 'amount_break'
        AND ABS(money.amount) >= @rule_r07_min_minor_units * COALESCE(currencies.minor_unit, 0.01)
    GROUP BY
        money.return_id
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        residuals.residuals
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN residuals
        ON residuals.return_id = returns.return_id
    WHERE
        returns.state = 'open'
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('money_break' AS TEXT) AS reason_code,
        CAST('its amounts do not add up: ' || picked.residuals AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('residuals', picked.residuals) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
