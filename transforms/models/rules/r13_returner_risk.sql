MODEL (
    name rules.r13_returner_risk,
    kind FULL,
    description 'One row per return that R13 would flag: open, of a customer whose returns a person should look at, on at least two signals. Needs the HMAC of the e-mail (pii_key).',
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
), returners AS (
    SELECT
        *
    FROM marts.risk_returner
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        returners.returns,
        returners.signals,
        returners.score
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN returners
        ON returners.customer = returns.customer AND returners.currency = COALESCE(returns.currency, 'XXX')
    WHERE
        returns.state = 'open' AND returners.match_class = 'look'
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('returner_risk' AS TEXT) AS reason_code,
        CAST('please look at earlier returns of this customer: ' || picked.signals AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(0.5 AS DECIMAL(5, 4)) AS score,
        @evidence('signals', picked.signals, 'returns', picked.returns, 'score', CAST(picked.score AS TEXT)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
