MODEL (
    name marts.recon_erp,
    kind FULL,
    description 'One row per return: does the chain in the ERP hold, from authorisation over item receipt to credit memo, and which link is missing?',
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        match_class = 'The first that fits of memo_on_cancelled, receipt_but_loop_open, memo_amount_break (deposits too), closed_no_credit_memo, upsell_no_deposit, closed_no_receipt, rma_duplicate, rma_missing, unverifiable (an extract is absent, is of another time, or has another currency), timing (within grace, or younger than the extract), matched',
        severity = '2 money wrong, 3 a link is missing; null: no break',
        amount = 'Cash that Loop promises',
        difference = 'Due less booked, of credit memos or, where those hold, of deposits; null where no money is compared',
        currency = 'Shop currency, ISO 4217',
        state = 'State of the return',
        rma_link = 'ok; missing; duplicate; timing; unverifiable; not_due: dead returns need none',
        receipt_link = 'ok; early: received, and still open at Loop; missing; timing; unverifiable; not_due: nothing has arrived, or it has no parcel',
        memo_link = 'ok; missing; differs; dead: a memo of a cancelled or expired return; timing; unverifiable; not_due: no cash is due',
        deposit_link = 'ok; missing; differs; timing; unverifiable; not_due: no upsell is due',
        due = 'Cash due by now: that of closed returns, and what Loop says it has carried out',
        memo_amount = 'Sum of the credit memos; null without any',
        upsell_due = 'Upsell of a closed return',
        deposit_amount = 'Sum of the deposits; null without any',
        authorisations = 'Authorisations that count',
        item_receipts = 'Item receipts',
        erp_received_units = 'Units of the item receipts; null without any, and where one does not say how many',
        expected_units = 'Units announced in Loop',
        erp_received_at = 'When the last item receipt was booked, UTC',
        closed_at = 'When the return was closed, UTC; its last change where no notice says it',
        root_cause = 'Cause from the closed list of causes',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (return_id, match_class, amount, rma_link, receipt_link, memo_link, deposit_link)),
        unique_values(columns := (
            return_id
        )),
        accepted_values(
            "column" := match_class,
            is_in := (
                'memo_on_cancelled',
                'receipt_but_loop_open',
                'memo_amount_break',
                'closed_no_credit_memo',
                'upsell_no_deposit',
                'closed_no_receipt',
                'rma_duplicate',
                'rma_missing',
                'unverifiable',
                'timing',
                'matched'
            )
        )
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), goods AS (
    SELECT
        *
    FROM marts.recon_receipt
), documents AS (
    SELECT
        *
    FROM staging.stg_erp_documents
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), feeds AS (
    SELECT
        BOOL_OR(CAST(extracts.name = 'erp_rma' AS BOOLEAN)) AS has_rmas,
        BOOL_OR(CAST(extracts.name = 'erp_receipt' AS BOOLEAN)) AS has_receipts,
        BOOL_OR(CAST(extracts.name = 'erp_credit_memo' AS BOOLEAN)) AS has_memos,
        MAX(CASE WHEN extracts.name = 'erp_rma' THEN extracts.newest_at END) AS newest_rma_at,
        MAX(CASE WHEN extracts.name = 'erp_receipt' THEN extracts.newest_at END) AS newest_receipt_at,
        MAX(CASE WHEN extracts.name = 'erp_credit_memo' THEN extracts.newest_at END) AS newest_memo_at
    FROM extracts
    WHERE
        CAST(extracts.is_present AS BOOLEAN)
), starts AS (
    SELECT
        MIN(CASE WHEN documents.kind = 'rma' THEN documents.booked_at END) AS oldest_rma_at,
        MIN(CASE WHEN documents.kind = 'receipt' THEN documents.booked_at END) AS oldest_receipt_at,
        MIN(CASE WHEN documents.kind IN ('memo', 'deposit') THEN documents.booked_at END) AS oldest_memo_at
    FROM documents
), in_force AS (
    SELECT
        documents.return_id,
        documents.kind,
        documents.units,
        documents.amount,
        documents.booked_at,
        CASE WHEN documents.kind IN ('memo', 'deposit') THEN documents.currency END AS currency
    FROM documents
    WHERE
        NOT documents.is_void AND NOT documents.return_id IS NULL
), booked AS (
    SELECT
        in_force.return_id,
        COUNT(CASE WHEN in_force.kind = 'rma' THEN 1 END) AS authorisations,
        COUNT(CASE WHEN in_force.kind = 'receipt' THEN 1 END) AS item_receipts,
        COUNT(CASE WHEN in_force.kind = 'receipt' THEN in_force.units END) AS counted_receipts,
        SUM(CASE WHEN in_force.kind = 'receipt' THEN in_force.units END) AS received_units,
        MIN(CASE WHEN in_force.kind = 'receipt' THEN in_force.booked_at END) AS first_receipt_at,
        MAX(CASE WHEN in_force.kind = 'receipt' THEN in_force.booked_at END) AS last_receipt_at,
        SUM(CASE WHEN in_force.kind = 'memo' THEN in_force.amount END) AS memo_amount,
        MAX(CASE WHEN in_force.kind = 'memo' THEN in_force.booked_at END) AS memo_at,
        SUM(CASE WHEN in_force.kind = 'deposit' THEN in_force.amount END) AS deposit_amount,
        MIN(in_force.currency) AS first_currency,
        MAX(in_force.currency) AS last_currency
    FROM in_force
    GROUP BY
        in_force.return_id
), facts AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.destination_id,
        returns.created_at,
        returns.edited_at,
        COALESCE(returns.refund, 0) AS refund,
        COALESCE(returns.state IN ('cancelled', 'expired'), FALSE) AS is_dead,
        COALESCE(returns.method_type IN (@EACH(@policy_no_parcel_methods, method -> method)), FALSE) AS has_no_parcel,
        CASE
            WHEN returns.state = 'closed' OR NOT returns.refund_processed_at IS NULL
            THEN GREATEST(COALESCE(returns.refund, 0), 0)
            ELSE 0
        END AS due,
        CASE WHEN returns.state = 'closed' THEN GREATEST(COALESCE(returns.upsell, 0), 0) ELSE 0 END AS upsell_due,
        CASE WHEN returns.state = 'closed' THEN goods.closed_at ELSE returns.refund_processed_at END AS due_since,
        COALESCE(returns.refund_shipping_total, 0) + COALESCE(returns.refund_shipping_tax_total, 0) AS shipping,
        COALESCE(returns.handling_fee, 0) AS handling_fee,
        COALESCE(returns.return_tax_total, 0) AS tax,
        goods.closed_at,
        goods.expected_units,
        goods.last_received_at AS counted_at,
        goods.carrier_delivered_at AS delivered_at,
        @tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01) AS tolerance,
        COALESCE(booked.authorisations, 0) AS authorisations,
        COALESCE(booked.item_receipts, 0) AS item_receipts,
        CASE WHEN booked.counted_receipts = booked.item_receipts THEN booked.received_units END AS received_units,
        booked.first_receipt_at,
        booked.last_receipt_at,
        booked.memo_amount,
        booked.memo_at,
        booked.deposit_amount,
        COALESCE(booked.first_currency <> returns.currency OR booked.last_currency <> returns.currency, FALSE) AS is_foreign,
        CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_erp * INTERVAL '1' HOUR AS settled_at,
        COALESCE(feeds.has_rmas, FALSE) AS has_rmas,
        COALESCE(feeds.has_receipts, FALSE) AS has_receipts,
        COALESCE(feeds.has_memos, FALSE) AS has_memos,
        feeds.newest_rma_at,
        feeds.newest_receipt_at,
        feeds.newest_memo_at,
        starts.oldest_rma_at,
        starts.oldest_receipt_at,
        starts.oldest_memo_at
    FROM returns
    LEFT JOIN goods
        ON goods.return_id = returns.return_id
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
    LEFT JOIN booked
        ON booked.return_id = returns.return_id
    CROSS JOIN feeds
    CROSS JOIN starts
), clocked AS (
    /* A receipt is due once the goods were counted, or days after the carrier delivered them. */
    SELECT
        facts.*,
        GREATEST(facts.closed_at, COALESCE(facts.counted_at, facts.delivered_at)) AS goods_since,
        CASE
            WHEN facts.counted_at IS NULL
            THEN @business_days(facts.delivered_at, CAST(@execution_ts AS TIMESTAMPTZ), facts.destination_id) > @ageing_receipt_business_days
            ELSE facts.counted_at < facts.settled_at
        END AS is_late
    FROM facts
), linked AS (
    SELECT
        clocked.*,
        CASE
            WHEN clocked.is_dead
            THEN 'not_due'
            WHEN NOT clocked.has_rmas
            THEN 'unverifiable'
            WHEN clocked.authorisations > 1
            THEN 'duplicate'
            WHEN clocked.authorisations = 1
            THEN 'ok'
            WHEN COALESCE(clocked.created_at < clocked.oldest_rma_at, TRUE)
            THEN 'unverifiable'
            WHEN clocked.created_at >= LEAST(clocked.settled_at, clocked.newest_rma_at)
            THEN 'timing'
            ELSE 'missing'
        END AS rma_link,
        CASE
            WHEN clocked.is_dead OR clocked.has_no_parcel AND clocked.item_receipts = 0
            THEN 'not_due'
            WHEN NOT clocked.has_receipts
            THEN CASE
                WHEN clocked.state = 'closed' AND COALESCE(clocked.counted_at, clocked.delivered_at) IS NULL
                THEN 'not_due'
                ELSE 'unverifiable'
            END
            WHEN clocked.item_receipts > 0 AND clocked.state = 'open'
            THEN CASE WHEN clocked.first_receipt_at < clocked.settled_at THEN 'early' ELSE 'timing' END
            WHEN clocked.item_receipts > 0
            THEN 'ok'
            WHEN COALESCE(clocked.state <> 'closed', TRUE)
            OR COALESCE(clocked.counted_at, clocked.delivered_at) IS NULL
            THEN 'not_due'
            WHEN clocked.goods_since < clocked.oldest_receipt_at OR clocked.oldest_receipt_at IS NULL
            THEN 'unverifiable'
            WHEN NOT clocked.is_late OR clocked.goods_since >= LEAST(clocked.settled_at, clocked.newest_receipt_at)
            THEN 'timing'
            ELSE 'missing'
        END AS receipt_link,
        CASE
            WHEN NOT clocked.has_memos
            THEN CASE WHEN clocked.due > 0 OR clocked.is_dead THEN 'unverifiable' ELSE 'not_due' END
            WHEN clocked.is_foreign
            THEN 'unverifiable'
            WHEN clocked.is_dead AND clocked.due = 0
            THEN CASE WHEN clocked.memo_amount > clocked.tolerance THEN 'dead' ELSE 'not_due' END
            WHEN clocked.due = 0 AND (
                clocked.memo_amount IS NULL OR NOT clocked.state IN ('open', 'closed')
            )
            THEN 'not_due'
            WHEN ABS(clocked.due - clocked.memo_amount) <= clocked.tolerance
            THEN 'ok'
            WHEN clocked.memo_amount > clocked.due
            THEN CASE WHEN clocked.memo_at < clocked.settled_at THEN 'differs' ELSE 'timing' END
            WHEN clocked.memo_amount IS NULL AND COALESCE(clocked.due_since < clocked.oldest_memo_at, TRUE)
            THEN 'unverifiable'
            WHEN clocked.due_since >= LEAST(clocked.settled_at, clocked.newest_memo_at)
            THEN 'timing'
            WHEN clocked.memo_amount IS NULL
            THEN 'missing'
            ELSE 'differs'
        END AS memo_link,
        CASE
            WHEN clocked.upsell_due = 0
            THEN 'not_due'
            WHEN NOT clocked.has_memos OR clocked.is_foreign
            THEN 'unverifiable'
            WHEN ABS(clocked.upsell_due - clocked.deposit_amount) <= clocked.tolerance
            THEN 'ok'
            WHEN clocked.deposit_amount IS NULL AND COALESCE(clocked.due_since < clocked.oldest_memo_at, TRUE)
            THEN 'unverifiable'
            WHEN clocked.due_since >= LEAST(clocked.settled_at, clocked.newest_memo_at)
            THEN 'timing'
            WHEN clocked.deposit_amount IS NULL
            THEN 'missing'
            ELSE 'differs'
        END AS deposit_link
    FROM clocked
), classified AS (
    SELECT
        linked.*,
        CASE
            WHEN linked.memo_link = 'dead'
            THEN 'memo_on_cancelled'
            WHEN linked.receipt_link = 'early'
            THEN 'receipt_but_loop_open'
            WHEN linked.memo_link = 'differs' OR linked.deposit_link = 'differs'
            THEN 'memo_amount_break'
            WHEN linked.memo_link = 'missing'
            THEN 'closed_no_credit_memo'
            WHEN linked.deposit_link = 'missing'
            THEN 'upsell_no_deposit'
            WHEN linked.receipt_link = 'missing'
            THEN 'closed_no_receipt'
            WHEN linked.rma_link = 'duplicate'
            THEN 'rma_duplicate'
            WHEN linked.rma_link = 'missing'
            THEN 'rma_missing'
            WHEN 'unverifiable' IN (linked.rma_link, linked.receipt_link, linked.memo_link, linked.deposit_link)
            THEN 'unverifiable'
            WHEN 'timing' IN (linked.rma_link, linked.receipt_link, linked.memo_link, linked.deposit_link)
            THEN 'timing'
            ELSE 'matched'
        END AS match_class,
        CASE
            WHEN linked.memo_link IN ('dead', 'differs', 'missing')
            THEN linked.due - COALESCE(linked.memo_amount, 0)
            WHEN linked.deposit_link IN ('differs', 'missing')
            THEN linked.upsell_due - COALESCE(linked.deposit_amount, 0)
        END AS difference
    FROM linked
), final AS (
    SELECT
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class IN ('memo_on_cancelled', 'memo_amount_break')
            THEN 2
            WHEN NOT classified.match_class IN ('unverifiable', 'timing', 'matched')
            THEN 3
        END AS INT) AS severity,
        CAST(classified.refund AS DECIMAL(18, 4)) AS amount,
        CAST(classified.difference AS DECIMAL(18, 4)) AS difference,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.rma_link AS TEXT) AS rma_link,
        CAST(classified.receipt_link AS TEXT) AS receipt_link,
        CAST(classified.memo_link AS TEXT) AS memo_link,
        CAST(classified.deposit_link AS TEXT) AS deposit_link,
        CAST(classified.due AS DECIMAL(18, 4)) AS due,
        CAST(classified.memo_amount AS DECIMAL(18, 4)) AS memo_amount,
        CAST(classified.upsell_due AS DECIMAL(18, 4)) AS upsell_due,
        CAST(classified.deposit_amount AS DECIMAL(18, 4)) AS deposit_amount,
        CAST(classified.authorisations AS BIGINT) AS authorisations,
        CAST(classified.item_receipts AS BIGINT) AS item_receipts,
        CAST(classified.received_units AS BIGINT) AS erp_received_units,
        CAST(classified.expected_units AS BIGINT) AS expected_units,
        CAST(classified.last_receipt_at AS TIMESTAMPTZ) AS erp_received_at,
        CAST(classified.closed_at AS TIMESTAMPTZ) AS closed_at,
        CAST(CASE
            WHEN classified.match_class = 'timing'
            THEN 'timing'
            WHEN classified.match_class = 'unverifiable' AND classified.is_foreign
            THEN 'currency'
            WHEN classified.match_class IN ('matched', 'unverifiable')
            THEN NULL
            WHEN classified.match_class = 'rma_duplicate'
            THEN 'connector_duplicate'
            WHEN classified.match_class <> 'memo_amount_break'
            THEN 'unknown'
            WHEN classified.shipping > 0
            AND ABS(ABS(classified.difference) - classified.shipping) <= classified.tolerance
            THEN 'shipping_or_duty'
            WHEN classified.handling_fee > 0
            AND ABS(ABS(classified.difference) - classified.handling_fee) <= classified.tolerance
            THEN 'fee_basis'
            WHEN classified.tax > 0 AND ABS(ABS(classified.difference) - classified.tax) <= classified.tolerance
            THEN 'tax_split'
            WHEN classified.edited_at > classified.memo_at
            THEN 'edited_after'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
