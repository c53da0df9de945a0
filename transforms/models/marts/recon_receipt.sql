MODEL (
    name marts.recon_receipt,
    kind FULL,
    description 'One row per return: where the goods are, as far as Loop alone knows, and what follows from it.',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        match_class = 'One of not_comparable, paid_never_shipped, bad_grade, delivered_open, stalled_in_transit, label_failure, label_only, pending, matched; the first that fits',
        severity = '2 goods missing or wrong, 3 somebody waits, 4 hygiene; null when it is no break',
        amount = 'What the customer gets: cash, gift card and exchange credit',
        currency = 'Shop currency, ISO 4217',
        state = 'State of the return',
        label_status = 'Label status in the list',
        stage = 'Furthest scan that any source shows: 0 no label to 5 delivered, 6 failed; null when a status is unknown',
        expected_units = 'Units announced: one line is one unit',
        bad_units = 'Units with a grade that the merchant counts as bad',
        carrier_delivered_at = 'When the carrier delivered, UTC; null when it did not, or a parcel is still out',
        label_updated_at = 'Last change of the label, UTC',
        closed_at = 'When the return was closed, UTC: by the shipping notice, else its last change',
        root_cause = 'Cause from the closed list of causes; null when there is nothing to explain',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (
            return_id
        )),
        unique_values(columns := (
            return_id
        )),
        accepted_values(
            "column" := match_class,
            is_in := (
                'paid_never_shipped',
                'bad_grade',
                'delivered_open',
                'stalled_in_transit',
                'label_failure',
                'label_only',
                'pending',
                'matched',
                'not_comparable'
            )
        )
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
), labels AS (
    SELECT
        *
    FROM staging.stg_labels
), shipping_notices AS (
    SELECT
        *
    FROM staging.stg_shipping_notices
), notice_returns AS (
    SELECT
        *
    FROM staging.stg_notice_returns
), return_states AS (
    SELECT
        *
    FROM staging.seed_return_states
), label_statuses AS (
    SELECT
        *
    FROM staging.seed_label_statuses
), units AS (
    SELECT
        return_lines.return_id,
        COUNT(*) AS expected_units,
        SUM(
            CASE
                WHEN return_lines.condition_category IN (@EACH(@receipts_bad_grades, grade -> grade))
                THEN 1
                ELSE 0
            END
        ) AS bad_units
    FROM return_lines
    GROUP BY
        return_lines.return_id
), label_facts AS (
    SELECT
        labels.return_id,
        MIN(label_statuses.stage) AS first_stage,
        MAX(label_statuses.stage) AS last_stage,
        MAX(labels.label_updated_at) AS label_updated_at,
        SUM(CASE WHEN NOT labels.label_status IS NULL AND label_statuses.stage IS NULL THEN 1 ELSE 0 END) AS unknown_count
    FROM labels
    LEFT JOIN label_statuses
        ON label_statuses.label_status = labels.label_status
    GROUP BY
        labels.return_id
), notice_facts AS (
    SELECT
        notice_returns.return_id,
        MAX(label_statuses.stage) AS last_stage,
        CASE
            WHEN COUNT(shipping_notices.date_delivered) = COUNT(*)
            THEN MAX(shipping_notices.date_delivered)
        END AS date_delivered,
        MAX(shipping_notices.closed_at) AS closed_at
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    LEFT JOIN label_statuses
        ON label_statuses.label_status = shipping_notices.label_status
    GROUP BY
        notice_returns.return_id
), facts AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.method_type,
        returns.label_status,
        returns.created_at,
        COALESCE(return_states.is_live, FALSE) AS is_live,
        COALESCE(returns.refund, 0) AS refund,
        COALESCE(returns.gift_card, 0) AS gift_card,
        COALESCE(returns.refund, 0) + COALESCE(returns.gift_card, 0) + COALESCE(returns.exchange_credit_total, 0) AS amount,
        COALESCE(units.expected_units, 0) AS expected_units,
        COALESCE(units.bad_units, 0) AS bad_units,
        label_statuses.stage AS header_stage,
        CASE
            WHEN NOT returns.label_status IS NULL AND label_statuses.stage IS NULL
            THEN NULL
            WHEN COALESCE(label_facts.unknown_count, 0) > 0
            THEN NULL
            ELSE GREATEST(
                COALESCE(label_statuses.stage, 0),
                COALESCE(label_facts.last_stage, 0),
                COALESCE(notice_facts.last_stage, 0)
            )
        END AS stage,
        COALESCE(returns.label_updated_at, label_facts.label_updated_at) AS label_updated_at,
        CASE
            WHEN NOT notice_facts.date_delivered IS NULL
            THEN notice_facts.date_delivered
            WHEN label_statuses.stage = 5 AND COALESCE(label_facts.first_stage, 5) = 5
            THEN COALESCE(label_facts.label_updated_at, returns.label_updated_at, returns.updated_at)
        END AS carrier_delivered_at,
        COALESCE(notice_facts.closed_at, returns.updated_at) AS closed_at,
        COALESCE(returns.method_type IN (@EACH(@policy_no_parcel_methods, method -> method)), FALSE) AS has_no_parcel,
        COALESCE(label_statuses.is_failure, FALSE) AS is_failure
    FROM returns
    LEFT JOIN units
        ON units.return_id = returns.return_id
    LEFT JOIN label_facts
        ON label_facts.return_id = returns.return_id
    LEFT JOIN notice_facts
        ON notice_facts.return_id = returns.return_id
    LEFT JOIN return_states
        ON return_states.state = returns.state
    LEFT JOIN label_statuses
        ON label_statuses.label_status = returns.label_status
), classified AS (
    SELECT
        facts.*,
        CASE
            WHEN facts.has_no_parcel
            THEN 'not_comparable'
            WHEN facts.state = 'closed'
            AND facts.stage <= 2
            AND facts.closed_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_label_only_days * INTERVAL '1' DAY
            AND (
                (
                    facts.refund > 0 AND NOT @policy_processing_event_refund IN ('immediate', 'pre_transit', 'disabled')
                )
                OR (
                    facts.gift_card > 0
                    AND NOT @policy_processing_event_gift_card IN ('immediate', 'pre_transit', 'disabled')
                )
            )
            THEN 'paid_never_shipped'
            WHEN facts.bad_units > 0
            THEN 'bad_grade'
            WHEN facts.state = 'open'
            AND @business_days(facts.carrier_delivered_at, CAST(@execution_ts AS TIMESTAMPTZ)) > @ageing_receipt_business_days
            THEN 'delivered_open'
            WHEN facts.header_stage IN (3, 4)
            AND NOT facts.state IN ('cancelled', 'expired')
            AND facts.label_updated_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_stalled_days * INTERVAL '1' DAY
            THEN 'stalled_in_transit'
            WHEN facts.is_failure AND facts.is_live
            THEN 'label_failure'
            WHEN facts.state = 'open'
            AND facts.stage IN (1, 2)
            AND facts.created_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_label_only_days * INTERVAL '1' DAY
            THEN 'label_only'
            WHEN facts.is_live
            THEN 'pending'
            WHEN facts.state = 'closed' AND facts.carrier_delivered_at IS NULL
            THEN 'pending'
            ELSE 'matched'
        END AS match_class
    FROM facts
), final AS (
    SELECT
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class IN ('paid_never_shipped', 'bad_grade')
            THEN 2
            WHEN classified.match_class IN ('delivered_open', 'stalled_in_transit', 'label_failure')
            THEN 3
            WHEN classified.match_class = 'label_only'
            THEN 4
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.label_status AS TEXT) AS label_status,
        CAST(classified.stage AS INT) AS stage,
        CAST(classified.expected_units AS BIGINT) AS expected_units,
        CAST(classified.bad_units AS BIGINT) AS bad_units,
        CAST(classified.carrier_delivered_at AS TIMESTAMPTZ) AS carrier_delivered_at,
        CAST(classified.label_updated_at AS TIMESTAMPTZ) AS label_updated_at,
        CAST(classified.closed_at AS TIMESTAMPTZ) AS closed_at,
        CAST(CASE
            WHEN classified.match_class IN ('matched', 'pending')
            THEN NULL
            WHEN classified.match_class = 'not_comparable'
            THEN classified.method_type
            WHEN classified.match_class = 'bad_grade'
            THEN 'wrong_item'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
