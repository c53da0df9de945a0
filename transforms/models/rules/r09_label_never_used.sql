MODEL (
    name rules.r09_label_never_used,
    kind FULL,
    description 'One row per return that R09 would cancel: open, its label made long ago and never scanned, nothing graded. Reminders are not known to Loop''s data and not asked for.',
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
), label_statuses AS (
    SELECT
        *
    FROM staging.seed_label_statuses
), history AS (
    SELECT
        *
    FROM staging.stg_return_history
), scanned AS (
    SELECT
        history.return_id
    FROM history
    INNER JOIN label_statuses
        ON label_statuses.label_status = history.label_status
    WHERE
        label_statuses.stage >= 3
    GROUP BY
        history.return_id
), labelled AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        returns.created_at,
        GREATEST(
            returns.created_at,
            COALESCE(receipts.label_updated_at, returns.created_at),
            COALESCE(returns.edited_at, returns.created_at)
        ) AS quiet_since
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN scanned
        ON scanned.return_id = returns.return_id
    WHERE
        returns.state = 'open'
        AND receipts.stage IN (1, 2)
        AND receipts.match_class <> 'not_comparable'
        AND receipts.bad_units = 0
        AND receipts.carrier_delivered_at IS NULL
        AND scanned.return_id IS NULL
), picked AS (
    SELECT
        labelled.*
    FROM labelled
    WHERE
        labelled.quiet_since <= CAST(@execution_ts AS TIMESTAMPTZ) - @rule_r09_min_days * INTERVAL '1' DAY
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('label_never_used' AS TEXT) AS reason_code,
        CAST('label never scanned since ' || CAST(CAST(picked.quiet_since AT TIME ZONE 'UTC' AS DATE) AS TEXT) AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('created_at', @utc_text(picked.created_at), 'quiet_since', @utc_text(picked.quiet_since)) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
