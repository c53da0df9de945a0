MODEL (
    name rules.r08_high_value,
    kind FULL,
    description 'One row per return that R08 would flag: open, worth a lot, and the first one of its customer. Needs the HMAC of the e-mail (pii_key): a return without it cannot be judged and is not picked.',
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
), places AS (
    SELECT
        returns.return_id,
        ROW_NUMBER() OVER (PARTITION BY returns.customer ORDER BY returns.created_at, returns.return_id) AS place
    FROM returns
    WHERE
        NOT returns.customer IS NULL
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        returns.created_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN places
        ON places.return_id = returns.return_id
    WHERE
        returns.state = 'open'
        AND places.place = 1
        AND receipts.amount >= @limit_of(returns.currency, @rule_r08_min_amount)
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('high_value_first' AS TEXT) AS reason_code,
        CAST('high value, and the first return of this customer' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('amount', CAST(picked.amount AS TEXT), 'currency', picked.currency, 'created_at', @utc_text(picked.created_at)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
