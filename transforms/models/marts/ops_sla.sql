MODEL (
    name marts.ops_sla,
    kind FULL,
    description 'One row per return: its way from made to refunded, where each instant comes from, and whether it took longer than promised.',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        match_class = 'within, breach: both segments known and exact; open_breach, open: not closed yet, beyond its target or not; in_review; refund_overdue: closed, a refund is due and none is known beyond its target; unverifiable: an instant is missing or only bounded; not_comparable: cancelled, expired, or without a parcel',
        severity = '3 for breach, open_breach and refund_overdue: a customer waits; null otherwise',
        state = 'State of the return',
        outcome = 'What the amounts say the customer gets; none when all are zero',
        carrier = 'Carrier of the label; none when there is none',
        destination_id = 'Loop''s id of the warehouse; none when Loop does not say',
        amount = 'Cash promised',
        currency = 'Shop currency, ISO 4217',
        created_at = 'When it was made, UTC',
        first_scan_at = 'When a version with a scan was first seen, UTC: the latest that the first scan can be',
        delivered_at = 'When the carrier delivered the last parcel, UTC',
        delivered_source = 'asn, or list: the last change of a label that is delivered now',
        received_at = 'When a warehouse first counted a unit of it, UTC; null without the extract of receipts',
        closed_at = 'When it was closed, UTC; an upper bound unless the source is exact',
        closed_source = 'asn, webhook: exact; snapshot: closed between two reads; list: at the latest by its last change; null while it is not closed',
        closed_after = 'For a snapshot: when it was last seen not closed, UTC',
        is_closed_exact = 'True when closed_source is asn or webhook',
        refunded_at = 'When the refund was made, UTC',
        refunded_source = 'shopify: the extract, or Shopify''s time that Loop shows; list: when Loop says it carried the refund out; null when nothing says so',
        clock_start_at = 'Start of the first segment, UTC: received, else delivered',
        clock_start_source = 'receipts, asn or list',
        days_to_close = 'Business days from clock_start_at to closed, or to now while it is open (censored)',
        days_to_refund = 'Business days from closed to refunded, or to now while no refund is known (censored)',
        days_total = 'Days from made to closed; null while it is not closed',
        is_censored = 'True when it is not closed: its days are a lower bound',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (return_id, match_class)),
        unique_values(columns := (
            return_id
        )),
        accepted_values(
            "column" := match_class,
            is_in := (
                'within',
                'breach',
                'open_breach',
                'open',
                'in_review',
                'refund_overdue',
                'unverifiable',
                'not_comparable'
            )
        )
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), versions AS (
    SELECT
        *
    FROM marts.return_versions
), shipping_notices AS (
    SELECT
        *
    FROM staging.stg_shipping_notices
), notice_returns AS (
    SELECT
        *
    FROM staging.stg_notice_returns
), webhook_events AS (
    SELECT
        *
    FROM staging.stg_webhook_events
), receipts AS (
    SELECT
        *
    FROM staging.stg_ext_receipts
), detail_refunds AS (
    SELECT
        *
    FROM staging.stg_detail_refunds
), shown_refunds AS (
    SELECT
        *
    FROM staging.stg_shopify_refunds
), shopify_refunds AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_refunds
), notice_facts AS (
    SELECT
        notice_returns.return_id,
        CASE
            WHEN COUNT(shipping_notices.date_delivered) = COUNT(*)
            THEN MAX(shipping_notices.date_delivered)
        END AS date_delivered,
        CASE WHEN COUNT(shipping_notices.closed_at) = COUNT(*) THEN MAX(shipping_notices.closed_at) END AS closed_at
    FROM shipping_notices
    INNER JOIN notice_returns
        ON notice_returns.asn_id = shipping_notices.asn_id
        AND notice_returns.line_item_id = shipping_notices.line_item_id
    WHERE
        NOT notice_returns.return_id IS NULL
    GROUP BY
        notice_returns.return_id
), told AS (
    SELECT
        webhook_events.return_id,
        MIN(webhook_events.received_at) AS closed_at
    FROM webhook_events
    WHERE
        webhook_events.trigger_name = 'return.closed'
    GROUP BY
        webhook_events.return_id
), scans AS (
    SELECT
        versions.return_id,
        MIN(CASE WHEN versions.stage IN ('in_transit', 'delivered') THEN versions.valid_from END) AS first_scan_at,
        MAX(CASE WHEN versions.valid_to IS NULL THEN versions.valid_from END) AS ended_at,
        MAX(CASE WHEN NOT versions.valid_to IS NULL AND NOT versions.is_assumed THEN versions.seen_at END) AS seen_before
    FROM versions
    GROUP BY
        versions.return_id
), counted AS (
    SELECT
        receipts.loop_return_id AS return_id,
        MIN(receipts.received_at) AS received_at
    FROM receipts
    WHERE
        NOT receipts.loop_return_id IS NULL
    GROUP BY
        receipts.loop_return_id
), paid AS (
    SELECT
        detail_refunds.return_id,
        MIN(shopify_refunds.created_at) AS refunded_at
    FROM detail_refunds
    INNER JOIN shopify_refunds
        ON shopify_refunds.refund_id = detail_refunds.provider_refund_id
    WHERE
        shopify_refunds.transaction_amount > 0 AND COALESCE(shopify_refunds.status, 'success') = 'success'
    GROUP BY
        detail_refunds.return_id
), shown AS (
    SELECT
        shown_refunds.return_id,
        MIN(shown_refunds.provider_created_at) AS refunded_at
    FROM shown_refunds
    GROUP BY
        shown_refunds.return_id
), facts AS (
    SELECT
        returns.return_id,
        returns.state,
        COALESCE(returns.outcome_derived, 'none') AS outcome,
        COALESCE(returns.carrier, 'none') AS carrier,
        COALESCE(returns.destination_id, 'none') AS destination_id,
        COALESCE(returns.refund, 0) AS amount,
        returns.currency,
        returns.created_at,
        returns.method_type,
        scans.first_scan_at,
        COALESCE(
            notice_facts.date_delivered,
            CASE WHEN returns.label_status = 'delivered' THEN returns.label_updated_at END
        ) AS delivered_at,
        CASE
            WHEN NOT notice_facts.date_delivered IS NULL
            THEN 'asn'
            WHEN returns.label_status = 'delivered' AND NOT returns.label_updated_at IS NULL
            THEN 'list'
        END AS delivered_source,
        counted.received_at,
        CASE
            WHEN returns.state <> 'closed'
            THEN NULL
            ELSE COALESCE(notice_facts.closed_at, told.closed_at, scans.ended_at, returns.updated_at)
        END AS closed_at,
        CASE
            WHEN returns.state <> 'closed'
            THEN NULL
            WHEN NOT notice_facts.closed_at IS NULL
            THEN 'asn'
            WHEN NOT told.closed_at IS NULL
            THEN 'webhook'
            WHEN NOT scans.seen_before IS NULL
            THEN 'snapshot'
            ELSE 'list'
        END AS closed_source,
        scans.seen_before,
        COALESCE(paid.refunded_at, shown.refunded_at, returns.refund_processed_at) AS refunded_at,
        CASE
            WHEN NOT COALESCE(paid.refunded_at, shown.refunded_at) IS NULL
            THEN 'shopify'
            WHEN NOT returns.refund_processed_at IS NULL
            THEN 'list'
        END AS refunded_source
    FROM returns
    LEFT JOIN notice_facts
        ON notice_facts.return_id = returns.return_id
    LEFT JOIN told
        ON told.return_id = returns.return_id
    LEFT JOIN scans
        ON scans.return_id = returns.return_id
    LEFT JOIN counted
        ON counted.return_id = returns.return_id
    LEFT JOIN paid
        ON paid.return_id = returns.return_id
    LEFT JOIN shown
        ON shown.return_id = returns.return_id
), clocked AS (
    SELECT
        facts.*,
        COALESCE(facts.closed_source, '') IN ('asn', 'webhook') AS is_closed_exact,
        COALESCE(facts.received_at, facts.delivered_at) AS clock_start_at,
        CASE WHEN NOT facts.received_at IS NULL THEN 'receipts' ELSE facts.delivered_source END AS clock_start_source,
        COALESCE(facts.closed_at, CAST(@execution_ts AS TIMESTAMPTZ)) AS clock_end_at,
        COALESCE(facts.refunded_at, CAST(@execution_ts AS TIMESTAMPTZ)) AS refund_end_at
    FROM facts
), timed AS (
    SELECT
        clocked.*,
        GREATEST(0, @business_days(clocked.clock_start_at, clocked.clock_end_at, clocked.destination_id)) AS days_to_close,
        CASE
            WHEN NOT clocked.closed_at IS NULL AND clocked.amount > 0
            THEN GREATEST(0, @business_days(clocked.closed_at, clocked.refund_end_at, clocked.destination_id))
        END AS days_to_refund
    FROM clocked
), classified AS (
    SELECT
        timed.*,
        CASE
            WHEN timed.state IN ('cancelled', 'expired')
            OR timed.method_type IN (@each(@policy_no_parcel_methods, method -> method))
            THEN 'not_comparable'
            WHEN timed.state = 'review'
            THEN 'in_review'
            WHEN timed.state = 'open' AND timed.days_to_close > @sla_business_days_received_to_closed
            THEN 'open_breach'
            WHEN timed.state = 'open'
            THEN 'open'
            WHEN timed.closed_at IS NULL OR NOT timed.is_closed_exact
            THEN 'unverifiable'
            WHEN timed.amount > 0
            AND timed.refunded_at IS NULL
            AND timed.days_to_refund > @sla_business_days_closed_to_refunded
            THEN 'refund_overdue'
            WHEN timed.clock_start_at IS NULL OR (
                timed.amount > 0 AND timed.refunded_at IS NULL
            )
            THEN 'unverifiable'
            WHEN timed.days_to_close > @sla_business_days_received_to_closed
            OR COALESCE(timed.days_to_refund, 0) > @sla_business_days_closed_to_refunded
            THEN 'breach'
            ELSE 'within'
        END AS match_class
    FROM timed
), final AS (
    SELECT
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE WHEN classified.match_class IN ('breach', 'open_breach', 'refund_overdue') THEN 3 END AS INT) AS severity,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.outcome AS TEXT) AS outcome,
        CAST(classified.carrier AS TEXT) AS carrier,
        CAST(classified.destination_id AS TEXT) AS destination_id,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(classified.first_scan_at AS TIMESTAMPTZ) AS first_scan_at,
        CAST(classified.delivered_at AS TIMESTAMPTZ) AS delivered_at,
        CAST(classified.delivered_source AS TEXT) AS delivered_source,
        CAST(classified.received_at AS TIMESTAMPTZ) AS received_at,
        CAST(classified.closed_at AS TIMESTAMPTZ) AS closed_at,
        CAST(classified.closed_source AS TEXT) AS closed_source,
        CAST(CASE WHEN classified.closed_source = 'snapshot' THEN classified.seen_before END AS TIMESTAMPTZ) AS closed_after,
        CAST(classified.is_closed_exact AS BOOLEAN) AS is_closed_exact,
        CAST(classified.refunded_at AS TIMESTAMPTZ) AS refunded_at,
        CAST(classified.refunded_source AS TEXT) AS refunded_source,
        CAST(classified.clock_start_at AS TIMESTAMPTZ) AS clock_start_at,
        CAST(classified.clock_start_source AS TEXT) AS clock_start_source,
        CAST(classified.days_to_close AS INT) AS days_to_close,
        CAST(classified.days_to_refund AS INT) AS days_to_refund,
        CAST(@seconds_between(classified.created_at, classified.closed_at) / 86400 AS DECIMAL(9, 2)) AS days_total,
        CAST(classified.closed_at IS NULL AS BOOLEAN) AS is_censored,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
