MODEL (
    name marts.fin_open_returns,
    kind FULL,
    description 'One row per return in open or review: what is owed, for how long, and how far the goods are.',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        state = 'open or review',
        stage = 'no_label, label_only, in_transit, delivered, failed, no_parcel, or unknown when Loop''s status is',
        currency = 'Shop currency, ISO 4217',
        cash_due = 'Cash promised and not known to be paid',
        credit_due = 'Gift card promised and not known to be issued',
        exchange_due = 'Exchange value promised and not known to be ordered',
        fee_expected = 'Fee that will be kept',
        amount = 'Most that may be owed: cash, credit and exchange',
        amount_least = 'Least that may be owed: a return in review may have been carried out in part, and Loop''s list does not say',
        days_since_created = 'Whole days since it was made',
        days_since_updated = 'Whole days since Loop last changed it',
        days_since_label = 'Whole days since the label last changed; null without one',
        days_since_delivered = 'Whole days since the carrier delivered; null when it did not',
        age_bucket = 'Days since it was made; 28 is the age at which Loop''s labels expire',
        receipt_class = 'Class in marts.recon_receipt',
        created_at = 'When it was made, UTC',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (
            return_id
        )),
        unique_values(columns := (
            return_id
        )),
        not_null(columns := (state, stage, amount))
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
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), owed AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.created_at,
        returns.updated_at,
        returns.label_updated_at,
        receipts.carrier_delivered_at,
        receipts.match_class,
        CASE
            WHEN receipts.match_class = 'not_comparable'
            THEN 'no_parcel'
            WHEN NOT receipts.carrier_delivered_at IS NULL OR receipts.stage = 5
            THEN 'delivered'
            WHEN receipts.stage IS NULL
            THEN 'unknown'
            WHEN receipts.stage = 0
            THEN 'no_label'
            WHEN receipts.stage <= 2
            THEN 'label_only'
            WHEN receipts.stage <= 4
            THEN 'in_transit'
            ELSE 'failed'
        END AS stage,
        CASE WHEN returns.refund_processed_at IS NULL THEN COALESCE(returns.refund, 0) ELSE 0 END AS cash_due,
        CASE WHEN returns.gift_card_processed_at IS NULL THEN COALESCE(returns.gift_card, 0) ELSE 0 END AS credit_due,
        CASE
            WHEN returns.exchange_processed_at IS NULL
            THEN COALESCE(returns.exchange_credit_total, 0)
            ELSE 0
        END AS exchange_due,
        COALESCE(returns.handling_fee, 0) AS fee_expected
    FROM returns
    INNER JOIN return_states
        ON return_states.state = returns.state
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    WHERE
        return_states.is_live
), final AS (
    SELECT
        CAST(owed.return_id AS TEXT) AS return_id,
        CAST(owed.state AS TEXT) AS state,
        CAST(owed.stage AS TEXT) AS stage,
        CAST(owed.currency AS TEXT) AS currency,
        CAST(owed.cash_due AS DECIMAL(18, 4)) AS cash_due,
        CAST(owed.credit_due AS DECIMAL(18, 4)) AS credit_due,
        CAST(owed.exchange_due AS DECIMAL(18, 4)) AS exchange_due,
        CAST(owed.fee_expected AS DECIMAL(18, 4)) AS fee_expected,
        CAST(owed.cash_due + owed.credit_due + owed.exchange_due AS DECIMAL(18, 4)) AS amount,
        CAST(CASE WHEN owed.state = 'review' THEN 0 ELSE owed.cash_due + owed.credit_due + owed.exchange_due END AS DECIMAL(18, 4)) AS amount_least,
        CAST(@whole_days(owed.created_at, CAST(@execution_ts AS TIMESTAMPTZ)) AS INT) AS days_since_created,
        CAST(@whole_days(owed.updated_at, CAST(@execution_ts AS TIMESTAMPTZ)) AS INT) AS days_since_updated,
        CAST(@whole_days(owed.label_updated_at, CAST(@execution_ts AS TIMESTAMPTZ)) AS INT) AS days_since_label,
        CAST(@whole_days(owed.carrier_delivered_at, CAST(@execution_ts AS TIMESTAMPTZ)) AS INT) AS days_since_delivered,
        CAST(CASE
            WHEN owed.created_at > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '8' DAY
            THEN '0-7'
            WHEN owed.created_at > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '15' DAY
            THEN '8-14'
            WHEN owed.created_at > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '29' DAY
            THEN '15-28'
            WHEN owed.created_at > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '46' DAY
            THEN '29-45'
            WHEN owed.created_at > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '91' DAY
            THEN '46-90'
            ELSE '91+'
        END AS TEXT) AS age_bucket,
        CAST(owed.match_class AS TEXT) AS receipt_class,
        CAST(owed.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM owed
)
SELECT
    *
FROM final
