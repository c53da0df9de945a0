MODEL (
    name marts.recon_receipt,
    kind FULL,
    description 'One row per return: where the goods are, and what follows from it. What the warehouse counted, where its receipts are connected; else as far as Loop alone knows.',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        match_class = 'The first that fits of not_comparable, received_on_dead_return, paid_never_shipped, bad_grade, unexpected_item, over_receipt, short_receipt (all parcels arrived), received_not_processed, delivered_not_received, delivered_open (no receipts of that time), restock_mismatch (counted, and not restocked; or restocked, and never counted), stalled_in_transit, label_failure, label_only, derived_receipt (receipts made of labels), pending, matched',
        severity = '1 we hold goods of a dead return, 2 goods missing or wrong, 3 somebody waits, 4 hygiene; null when it is no break',
        amount = 'What the customer gets: cash, gift card and exchange credit',
        currency = 'Shop currency, ISO 4217',
        state = 'State of the return',
        label_status = 'Label status in the list',
        stage = 'Furthest scan that any source shows: 0 no label to 5 delivered, 6 failed; null when a status is unknown',
        expected_units = 'Units announced: one line is one unit',
        bad_units = 'Units with a grade that the merchant counts as bad, at Loop or at the warehouse',
        received_units = 'Units that the warehouse counted; null without its receipts',
        missing_units = 'Units expected and not counted, item by item; null without its receipts',
        restocked_units = 'Units that the shipping notices call restocked; null without a notice',
        first_received_at = 'When the first unit was counted, UTC',
        last_received_at = 'When the last unit was counted, UTC',
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
                'received_on_dead_return',
                'bad_grade',
                'unexpected_item',
                'over_receipt',
                'short_receipt',
                'received_not_processed',
                'delivered_not_received',
                'derived_receipt',
                'delivered_open',
                'restock_mismatch',
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
), receipt_lines AS (
    SELECT
        *
    FROM marts.recon_receipt_lines
), receipts AS (
    SELECT
        *
    FROM staging.stg_ext_receipts
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
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
        ) AS bad_units,
        SUM(
            CASE
                WHEN NOT return_lines.disposition_outcome IS NULL
                AND NOT LOWER(return_lines.disposition_outcome) LIKE '%restock%'
                THEN 1
                ELSE 0
            END
        ) AS kept_out_units
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
        MAX(shipping_notices.closed_at) AS closed_at,
        SUM(
            CASE
                WHEN LOWER(shipping_notices.restock_status) IN (@EACH(@receipts_restocked, status -> status))
                THEN 1
                ELSE 0
            END
        ) AS restocked_units,
        SUM(
            CASE
                WHEN LOWER(shipping_notices.restock_status) IN (@EACH(@receipts_not_restocked, status -> status))
                THEN 1
                ELSE 0
            END
        ) AS unstocked_units
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    LEFT JOIN label_statuses
        ON label_statuses.label_status = shipping_notices.label_status
    GROUP BY
        notice_returns.return_id
), restocking AS (
    /* A shop of which no unit was ever restocked does not restock through Loop. */
    SELECT
        COALESCE(SUM(notice_facts.restocked_units), 0) > 0 AS is_used
    FROM notice_facts
), feed AS (
    /* A feed that a connector derives from labels is no evidence of goods. */
    SELECT
        BOOL_OR(CAST(extracts.is_present AS BOOLEAN)) AS is_present,
        BOOL_OR(CAST(extracts.is_present AS BOOLEAN)) AND @receipts_is_physical AS is_evidence,
        MAX(extracts.newest_at) AS newest_at
    FROM extracts
    WHERE
        extracts.name = 'receipts'
), feed_start AS (
    SELECT
        MIN(receipts.received_at) AS oldest_at
    FROM receipts
), counted AS (
    SELECT
        receipt_lines.return_id,
        SUM(receipt_lines.received_units) AS received_units,
        SUM(receipt_lines.missing_units) AS missing_units,
        SUM(CASE WHEN receipt_lines.expected_units > 0 THEN receipt_lines.surplus_units ELSE 0 END) AS surplus_units,
        SUM(CASE WHEN receipt_lines.expected_units = 0 THEN receipt_lines.surplus_units ELSE 0 END) AS unexpected_units,
        SUM(receipt_lines.bad_units) AS bad_units,
        MIN(receipt_lines.first_received_at) AS first_received_at,
        MAX(receipt_lines.last_received_at) AS last_received_at
    FROM receipt_lines
    GROUP BY
        receipt_lines.return_id
    HAVING
        SUM(receipt_lines.received_units) > 0
), facts AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.method_type,
        returns.destination_id,
        returns.label_status,
        returns.created_at,
        COALESCE(return_states.is_live, FALSE) AS is_live,
        COALESCE(returns.refund, 0) AS refund,
        COALESCE(returns.gift_card, 0) AS gift_card,
        COALESCE(returns.refund, 0) + COALESCE(returns.gift_card, 0) + COALESCE(returns.exchange_credit_total, 0) AS amount,
        COALESCE(units.expected_units, 0) AS expected_units,
        COALESCE(units.bad_units, 0) + CASE WHEN feed.is_evidence THEN COALESCE(counted.bad_units, 0) ELSE 0 END AS bad_units,
        CASE WHEN feed.is_present THEN COALESCE(counted.received_units, 0) END AS received_units,
        CASE WHEN feed.is_present THEN COALESCE(counted.missing_units, units.expected_units, 0) END AS missing_units,
        CASE WHEN feed.is_evidence THEN COALESCE(counted.received_units, 0) ELSE 0 END AS units_here,
        CASE WHEN feed.is_evidence THEN COALESCE(counted.surplus_units, 0) ELSE 0 END AS surplus_units,
        CASE WHEN feed.is_evidence THEN COALESCE(counted.unexpected_units, 0) ELSE 0 END AS unexpected_units,
        notice_facts.restocked_units,
        COALESCE(notice_facts.unstocked_units, 0) AS unstocked_units,
        COALESCE(units.kept_out_units, 0) AS kept_out_units,
        restocking.is_used AS has_restocking,
        (
            COALESCE(returns.refund, 0) = 0 OR @policy_processing_event_refund = 'delivered'
        )
        AND (
            COALESCE(returns.gift_card, 0) = 0 OR @policy_processing_event_gift_card = 'delivered'
        )
        AND (
            COALESCE(returns.exchange_credit_total, 0) = 0 OR @policy_processing_event_exchange = 'delivered'
        ) AS is_due_on_delivery,
        counted.first_received_at,
        counted.last_received_at,
        COALESCE(feed.is_evidence, FALSE) AS has_feed,
        feed.newest_at,
        feed_start.oldest_at,
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
    LEFT JOIN counted
        ON counted.return_id = returns.return_id
    CROSS JOIN feed
    CROSS JOIN feed_start
    CROSS JOIN restocking
), waited AS (
    SELECT
        facts.*,
        @business_days(facts.carrier_delivered_at, CAST(@execution_ts AS TIMESTAMPTZ), facts.destination_id) > @ageing_receipt_business_days AS is_late_since_delivered,
        @business_days(facts.last_received_at, CAST(@execution_ts AS TIMESTAMPTZ), facts.destination_id) > @ageing_receipt_business_days AS is_late_since_received,
        facts.has_restocking
        AND facts.state = 'closed'
        AND facts.closed_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_restock_days * INTERVAL '1' DAY AS is_restock_due,
        facts.has_feed AND COALESCE(facts.closed_at BETWEEN facts.oldest_at AND facts.newest_at, FALSE) AS is_close_covered,
        facts.has_feed
        AND COALESCE(facts.carrier_delivered_at BETWEEN facts.oldest_at AND facts.newest_at, FALSE) AS is_covered
    FROM facts
), classified AS (
    SELECT
        waited.*,
        CASE
            WHEN waited.has_no_parcel
            THEN 'not_comparable'
            WHEN waited.state IN ('cancelled', 'expired') AND waited.units_here > 0
            THEN 'received_on_dead_return'
            WHEN waited.state = 'closed'
            AND waited.units_here = 0
            AND waited.stage <= 2
            AND waited.closed_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_label_only_days * INTERVAL '1' DAY
            AND (
                (
                    waited.refund > 0 AND NOT @policy_processing_event_refund IN ('immediate', 'pre_transit', 'disabled')
                )
                OR (
                    waited.gift_card > 0
                    AND NOT @policy_processing_event_gift_card IN ('immediate', 'pre_transit', 'disabled')
                )
            )
            THEN 'paid_never_shipped'
            WHEN waited.bad_units > 0
            THEN 'bad_grade'
            WHEN waited.unexpected_units > 0
            THEN 'unexpected_item'
            WHEN waited.surplus_units > 0
            THEN 'over_receipt'
            WHEN waited.units_here > 0
            AND waited.missing_units > 0
            AND NOT waited.carrier_delivered_at IS NULL
            AND waited.is_late_since_received
            THEN 'short_receipt'
            WHEN waited.units_here > 0
            AND waited.missing_units = 0
            AND waited.state = 'open'
            AND waited.is_late_since_received
            THEN 'received_not_processed'
            WHEN waited.is_covered
            AND waited.units_here = 0
            AND waited.state IN ('open', 'closed')
            AND waited.is_late_since_delivered
            THEN 'delivered_not_received'
            WHEN waited.state = 'open' AND waited.units_here = 0 AND waited.is_late_since_delivered
            THEN 'delivered_open'
            WHEN waited.is_restock_due
            AND waited.units_here > 0
            AND waited.unstocked_units > 0
            AND waited.kept_out_units = 0
            AND waited.last_received_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_restock_days * INTERVAL '1' DAY
            THEN 'restock_mismatch'
            WHEN waited.is_restock_due
            AND waited.units_here = 0
            AND waited.restocked_units > 0
            AND waited.is_due_on_delivery
            AND waited.is_close_covered
            THEN 'restock_mismatch'
            WHEN waited.units_here > 0 AND waited.is_live
            THEN 'pending'
            WHEN waited.units_here > 0
            THEN 'matched'
            WHEN waited.header_stage IN (3, 4)
            AND NOT waited.state IN ('cancelled', 'expired')
            AND waited.label_updated_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_stalled_days * INTERVAL '1' DAY
            THEN 'stalled_in_transit'
            WHEN waited.is_failure AND waited.is_live
            THEN 'label_failure'
            WHEN waited.state = 'open'
            AND waited.stage IN (1, 2)
            AND waited.created_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_label_only_days * INTERVAL '1' DAY
            THEN 'label_only'
            WHEN waited.received_units > 0
            THEN 'derived_receipt'
            WHEN waited.is_live
            THEN 'pending'
            WHEN waited.state = 'closed' AND waited.carrier_delivered_at IS NULL
            THEN 'pending'
            ELSE 'matched'
        END AS match_class
    FROM waited
), final AS (
    SELECT
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class = 'received_on_dead_return'
            THEN 1
            WHEN classified.match_class IN (
                'paid_never_shipped',
                'bad_grade',
                'unexpected_item',
                'over_receipt',
                'short_receipt',
                'delivered_not_received'
            )
            THEN 2
            WHEN classified.match_class IN ('received_not_processed', 'delivered_open', 'stalled_in_transit', 'label_failure')
            THEN 3
            WHEN classified.match_class IN ('label_only', 'restock_mismatch')
            THEN 4
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.label_status AS TEXT) AS label_status,
        CAST(classified.stage AS INT) AS stage,
        CAST(classified.expected_units AS BIGINT) AS expected_units,
        CAST(classified.bad_units AS BIGINT) AS bad_units,
        CAST(classified.received_units AS BIGINT) AS received_units,
        CAST(classified.missing_units AS BIGINT) AS missing_units,
        CAST(classified.restocked_units AS BIGINT) AS restocked_units,
        CAST(classified.first_received_at AS TIMESTAMPTZ) AS first_received_at,
        CAST(classified.last_received_at AS TIMESTAMPTZ) AS last_received_at,
        CAST(classified.carrier_delivered_at AS TIMESTAMPTZ) AS carrier_delivered_at,
        CAST(classified.label_updated_at AS TIMESTAMPTZ) AS label_updated_at,
        CAST(classified.closed_at AS TIMESTAMPTZ) AS closed_at,
        CAST(CASE
            WHEN classified.match_class IN ('matched', 'pending', 'derived_receipt')
            THEN NULL
            WHEN classified.match_class = 'not_comparable'
            THEN classified.method_type
            WHEN classified.match_class IN ('bad_grade', 'unexpected_item')
            THEN 'wrong_item'
            WHEN classified.match_class = 'short_receipt'
            THEN 'short_item'
            WHEN classified.match_class = 'delivered_not_received'
            THEN 'label_vs_receipt'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
