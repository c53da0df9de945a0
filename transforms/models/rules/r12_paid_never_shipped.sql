MODEL (
    name rules.r12_paid_never_shipped,
    kind FULL,
    description 'One row per return that R12 hands to finance: money went out, not by the shop''s policy, and the parcel was never scanned.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'Cash and gift card that went out',
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
), upsells AS (
    SELECT
        *
    FROM marts.recon_upsell
), of_instant_flow AS (
    /* R14 looks after these, or the shopper was charged for them. */
    SELECT
        upsells.return_id
    FROM upsells
    WHERE
        upsells.entity LIKE 'return:%'
        AND (
            upsells.match_class = 'instant_not_charged' OR upsells.instant_charged > 0
        )
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        returns.label_status,
        COALESCE(returns.refund, 0) + COALESCE(returns.gift_card, 0) AS amount,
        receipts.closed_at
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN of_instant_flow
        ON of_instant_flow.return_id = returns.return_id
    WHERE
        receipts.match_class = 'paid_never_shipped'
        AND receipts.closed_at <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r12_min_days * INTERVAL '1' DAY
        AND of_instant_flow.return_id IS NULL
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('paid_never_shipped' AS TEXT) AS reason_code,
        CAST('closed ' || CAST(CAST(picked.closed_at AT TIME ZONE 'UTC' AS DATE) AS TEXT) || ' with money paid out, and the parcel was never scanned' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('closed_at', @utc_text(picked.closed_at), 'label_status', picked.label_status) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
