MODEL (
    name marts.recon_upsell,
    kind FULL,
    description 'One row per return with an upsell or an exchange, and one per Stripe charge that names a return or its order: was the upsell paid, once, with the right amount? And were goods paid for that went out at once and whose parcel never came?',
    grain entity,
    column_descriptions (
        entity = 'What the row is about: return:<id> or charge:<Stripe''s id>',
        return_id = 'Loop''s id of the return; of a charge, the known one that it names',
        charge_id = 'Stripe''s id of the charge; of a return, its first one',
        match_class = 'matched; not_due_yet: not carried out; timing: within grace, younger than the extract, or still pending at Stripe; missing_charge; failed: tried, no money came; refunded: paid back, in part or whole; amount_break; extra_charge: more charges than the upsell explains, or one of no upsell; instant_not_charged: the exchange went out at once, its label was not scanned in the window, and nothing was charged; attributed: a charge that is judged at its return; not_comparable: another currency, or a charge made before any return of its order; unverifiable: no extract, or none of that time',
        severity = '2 for a break: money wrong; null: no break',
        amount = 'Of a return: the upsell that Loop states; of a charge: what was charged',
        difference = 'Upsell less what was charged and kept: negative when too much was; for instant_not_charged, the value of the new items',
        currency = 'Of a return: shop currency; of a charge: its own; ISO 4217',
        state = 'State of the return',
        charged = 'What the charges came to, without those for an instant exchange',
        refunded = 'What was paid back of them',
        instant_charged = 'Charged and kept for an instant exchange: of another amount, and made when its window was over',
        charge_count = 'Charges of the upsell',
        fee = 'Stripe''s fee on all of them',
        level = 'What matched them: 1 the return''s id, or the only return of the order; 2 order and exact amount; 3 the order alone; 4 exact amount and day; the weakest counts; null: none',
        is_instant = 'True when the exchange was carried out and the label was never scanned; not true by policy',
        executed_at = 'When the exchange was carried out, UTC: by Loop''s word or the close, whichever came first',
        charged_at = 'When the first charge was made, UTC',
        root_cause = 'Cause from the closed list of causes',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (entity, match_class, amount)),
        unique_values(columns := (
            entity
        )),
        accepted_values(
            "column" := match_class,
            is_in := (
                'matched',
                'not_due_yet',
                'timing',
                'missing_charge',
                'failed',
                'refunded',
                'amount_break',
                'extra_charge',
                'instant_not_charged',
                'attributed',
                'not_comparable',
                'unverifiable'
            )
        )
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), exchanges AS (
    SELECT
        *
    FROM staging.stg_exchanges
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), charges AS (
    SELECT
        *
    FROM staging.stg_ext_stripe_charges
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
), feed AS (
    SELECT
        BOOL_OR(CAST(extracts.is_present AS BOOLEAN)) AS is_present,
        MAX(extracts.newest_at) AS newest_at
    FROM extracts
    WHERE
        extracts.name = 'stripe_charges'
), feed_start AS (
    SELECT
        MIN(charges.created_at) AS oldest_at
    FROM charges
), read_from AS (
    SELECT
        MIN(returns.updated_at) AS oldest_at
    FROM returns
), promised AS (
    SELECT
        returns.return_id,
        returns.order_name,
        returns.currency,
        returns.state,
        returns.created_at,
        returns.edited_at,
        COALESCE(returns.upsell, 0) AS upsell,
        COALESCE(returns.exchange_credit_total, 0) AS exchange_credit,
        CASE
            WHEN returns.state = 'closed'
            THEN LEAST(returns.exchange_processed_at, receipts.closed_at)
            ELSE returns.exchange_processed_at
        END AS executed_at,
        COALESCE(
            returns.exchange_credit_total > 0
            AND receipts.match_class <> 'not_comparable'
            AND receipts.stage IN (1, 2)
            AND COALESCE(receipts.received_units, 0) = 0
            AND NOT @policy_processing_event_exchange IN ('immediate', 'pre_transit', 'disabled')
            AND @policy_instant_window_days > 0,
            FALSE
        ) AS is_unscanned,
        @tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01) AS tolerance
    FROM returns
    LEFT JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
    WHERE
        returns.upsell > 0 OR returns.exchange_credit_total > 0
), names AS (
    SELECT
        returns.return_id,
        returns.order_name AS name,
        returns.order_name,
        returns.created_at
    FROM returns
    WHERE
        NOT returns.order_name IS NULL
    UNION ALL
    SELECT
        exchanges.return_id,
        exchanges.exchange_order_name AS name,
        COALESCE(returns.order_name, exchanges.exchange_order_name) AS order_name,
        returns.created_at
    FROM exchanges
    INNER JOIN returns
        ON returns.return_id = exchanges.return_id
    WHERE
        NOT exchanges.exchange_order_name IS NULL
), known_orders AS (
    SELECT
        names.name,
        MIN(names.order_name) AS order_name,
        MIN(names.created_at) AS first_at,
        CASE WHEN MIN(names.return_id) = MAX(names.return_id) THEN MIN(names.return_id) END AS return_id
    FROM names
    GROUP BY
        names.name
), moved AS (
    SELECT
        charges.charge_id,
        charges.created_at,
        charges.currency,
        charges.amount,
        COALESCE(charges.amount_refunded, 0) AS refunded,
        COALESCE(charges.fee, 0) AS fee,
        charges.status,
        charges.loop_return_id,
        COALESCE(charges.loop_return_id, known_orders.return_id) AS return_id,
        known_orders.order_name,
        NOT charges.loop_return_id IS NULL OR NOT known_orders.name IS NULL AS is_named,
        charges.loop_return_id IS NULL AND charges.named_order IS NULL AS is_nameless,
        charges.loop_return_id IS NULL
        AND COALESCE(charges.created_at < known_orders.first_at - INTERVAL '1' HOUR, FALSE) AS is_of_before
    FROM charges
    LEFT JOIN known_orders
        ON known_orders.name = charges.named_order
), succeeded AS (
    SELECT
        moved.*
    FROM moved
    WHERE
        moved.status = 'succeeded' AND NOT moved.is_of_before
), by_id AS (
    SELECT
        succeeded.charge_id,
        promised.return_id,
        1 AS level
    FROM succeeded
    INNER JOIN promised
        ON promised.return_id = succeeded.return_id AND promised.currency = succeeded.currency
), with_id AS (
    SELECT
        by_id.return_id
    FROM by_id
    GROUP BY
        by_id.return_id
), open_due AS (
    SELECT
        promised.*,
        ROW_NUMBER() OVER (
            PARTITION BY promised.order_name, promised.currency, promised.upsell
            ORDER BY promised.executed_at, promised.return_id
        ) AS place
    FROM promised
    LEFT JOIN with_id
        ON with_id.return_id = promised.return_id
    WHERE
        with_id.return_id IS NULL AND promised.upsell > 0
), open_charges AS (
    SELECT
        succeeded.*,
        ROW_NUMBER() OVER (
            PARTITION BY succeeded.order_name, succeeded.currency, succeeded.amount
            ORDER BY succeeded.created_at, succeeded.charge_id
        ) AS place
    FROM succeeded
    WHERE
        succeeded.is_named AND succeeded.return_id IS NULL
), by_amount AS (
    SELECT
        open_charges.charge_id,
        open_due.return_id,
        2 AS level
    FROM open_due
    INNER JOIN open_charges
        ON open_charges.order_name = open_due.order_name
        AND open_charges.currency = open_due.currency
        AND open_charges.amount = open_due.upsell
        AND open_charges.place = open_due.place
), rest_due AS (
    SELECT
        open_due.return_id,
        open_due.order_name,
        open_due.currency,
        ROW_NUMBER() OVER (PARTITION BY open_due.order_name, open_due.currency ORDER BY open_due.executed_at, open_due.return_id) AS place
    FROM open_due
    LEFT JOIN by_amount
        ON by_amount.return_id = open_due.return_id
    WHERE
        by_amount.return_id IS NULL AND NOT open_due.executed_at IS NULL
), rest_charges AS (
    SELECT
        open_charges.charge_id,
        open_charges.order_name,
        open_charges.currency,
        ROW_NUMBER() OVER (
            PARTITION BY open_charges.order_name, open_charges.currency
            ORDER BY open_charges.created_at, open_charges.charge_id
        ) AS place
    FROM open_charges
    LEFT JOIN by_amount
        ON by_amount.charge_id = open_charges.charge_id
    WHERE
        by_amount.charge_id IS NULL
), by_order AS (
    SELECT
        rest_charges.charge_id,
        rest_due.return_id,
        3 AS level
    FROM rest_due
    INNER JOIN rest_charges
        ON rest_charges.order_name = rest_due.order_name
        AND rest_charges.currency = rest_due.currency
        AND rest_charges.place = rest_due.place
), alike AS (
    /* Charges that name nothing, by exact amount: how far from the making of the return, or its execution. */
    SELECT
        open_due.return_id,
        succeeded.charge_id,
        open_due.currency,
        open_due.upsell,
        open_due.executed_at,
        succeeded.created_at,
        LEAST(
            ABS(@seconds_between(open_due.created_at, succeeded.created_at)),
            ABS(@seconds_between(open_due.executed_at, succeeded.created_at))
        ) AS distance
    FROM open_due
    INNER JOIN succeeded
        ON succeeded.currency = open_due.currency AND succeeded.amount = open_due.upsell
    LEFT JOIN by_amount
        ON by_amount.return_id = open_due.return_id
    LEFT JOIN by_order
        ON by_order.return_id = open_due.return_id
    WHERE
        succeeded.is_nameless AND by_amount.return_id IS NULL AND by_order.return_id IS NULL
), near AS (
    SELECT
        alike.*
    FROM alike
    WHERE
        alike.distance <= @tolerance_charge_days * 86400
), ranked AS (
    SELECT
        near.*,
        ROW_NUMBER() OVER (PARTITION BY near.return_id ORDER BY near.distance, near.charge_id) AS charge_rank,
        ROW_NUMBER() OVER (PARTITION BY near.charge_id ORDER BY near.distance, near.return_id) AS return_rank
    FROM near
), nearest AS (
    /* Each is the other's nearest. */
    SELECT
        ranked.charge_id,
        ranked.return_id,
        4 AS level
    FROM ranked
    WHERE
        ranked.charge_rank = 1 AND ranked.return_rank = 1
), next_best AS (
    SELECT
        near.*,
        DENSE_RANK() OVER (PARTITION BY near.currency, near.upsell ORDER BY near.executed_at, near.return_id) AS return_place,
        DENSE_RANK() OVER (PARTITION BY near.currency, near.upsell ORDER BY near.created_at, near.charge_id) AS charge_place
    FROM near
    LEFT JOIN nearest AS taken_returns
        ON taken_returns.return_id = near.return_id
    LEFT JOIN nearest AS taken_charges
        ON taken_charges.charge_id = near.charge_id
    WHERE
        taken_returns.return_id IS NULL AND taken_charges.charge_id IS NULL
), attached AS (
    SELECT
        *
    FROM by_id
    UNION ALL
    SELECT
        *
    FROM by_amount
    UNION ALL
    SELECT
        *
    FROM by_order
    UNION ALL
    SELECT
        *
    FROM nearest
    UNION ALL
    SELECT
        next_best.charge_id,
        next_best.return_id,
        4 AS level
    FROM next_best
    WHERE
        next_best.return_place = next_best.charge_place
), paid AS (
    SELECT
        attached.return_id,
        attached.level,
        succeeded.charge_id,
        succeeded.created_at,
        succeeded.amount,
        succeeded.refunded,
        succeeded.fee,
        COALESCE(
            promised.exchange_credit > 0
            AND ABS(succeeded.amount - promised.upsell) > promised.tolerance
            AND @policy_instant_window_days > 0
            AND succeeded.created_at >= promised.executed_at + (
                @policy_instant_window_days - @tolerance_charge_days
            ) * INTERVAL '1' DAY,
            FALSE
        ) AS is_instant
    FROM attached
    INNER JOIN succeeded
        ON succeeded.charge_id = attached.charge_id
    INNER JOIN promised
        ON promised.return_id = attached.return_id
), sums AS (
    SELECT
        paid.return_id,
        MAX(paid.level) AS level,
        @earliest(paid.charge_id, paid.created_at) AS charge_id,
        MIN(paid.created_at) AS charged_at,
        SUM(CASE WHEN paid.is_instant THEN 0 ELSE paid.amount END) AS charged,
        SUM(CASE WHEN paid.is_instant THEN 0 ELSE paid.refunded END) AS refunded,
        SUM(CASE WHEN paid.is_instant THEN paid.amount - paid.refunded ELSE 0 END) AS instant_charged,
        COUNT(CASE WHEN NOT paid.is_instant THEN 1 END) AS charge_count,
        SUM(paid.fee) AS fee
    FROM paid
    GROUP BY
        paid.return_id
), attempts AS (
    SELECT
        promised.return_id,
        moved.status,
        moved.currency = promised.currency AS is_comparable
    FROM promised
    INNER JOIN moved
        ON moved.return_id = promised.return_id
    WHERE
        NOT moved.is_of_before
    UNION ALL
    SELECT
        promised.return_id,
        moved.status,
        moved.currency = promised.currency AS is_comparable
    FROM promised
    INNER JOIN moved
        ON moved.order_name = promised.order_name
    WHERE
        NOT moved.is_of_before AND moved.return_id IS NULL
), tried AS (
    /* What brought no money, or none that can be compared. */
    SELECT
        attempts.return_id,
        COUNT(CASE WHEN attempts.status = 'pending' THEN 1 END) AS pending_count,
        COUNT(CASE WHEN NOT attempts.status IN ('pending', 'succeeded') THEN 1 END) AS failed_count,
        COUNT(CASE WHEN attempts.status = 'succeeded' AND NOT attempts.is_comparable THEN 1 END) AS foreign_count
    FROM attempts
    GROUP BY
        attempts.return_id
), compared AS (
    SELECT
        promised.*,
        CASE
            WHEN promised.executed_at IS NULL AND promised.state IN ('cancelled', 'expired')
            THEN 0
            ELSE promised.upsell
        END AS due,
        COALESCE(sums.charged, 0) AS charged,
        COALESCE(sums.refunded, 0) AS refunded,
        COALESCE(sums.charged, 0) - COALESCE(sums.refunded, 0) AS kept,
        COALESCE(sums.instant_charged, 0) AS instant_charged,
        COALESCE(sums.charge_count, 0) AS charge_count,
        COALESCE(sums.fee, 0) AS fee,
        sums.level,
        sums.charge_id,
        sums.charged_at,
        COALESCE(tried.pending_count, 0) AS pending_count,
        COALESCE(tried.failed_count, 0) AS failed_count,
        COALESCE(tried.foreign_count, 0) AS foreign_count,
        promised.is_unscanned AND NOT promised.executed_at IS NULL AS is_instant,
        promised.executed_at + @policy_instant_window_days * INTERVAL '1' DAY AS window_end
    FROM promised
    LEFT JOIN sums
        ON sums.return_id = promised.return_id
    LEFT JOIN tried
        ON tried.return_id = promised.return_id
), judged AS (
    SELECT
        'return:' || compared.return_id AS entity,
        compared.return_id,
        compared.charge_id,
        CASE
            WHEN NOT COALESCE(feed.is_present, FALSE)
            THEN 'unverifiable'
            WHEN compared.foreign_count > 0 AND compared.charged = 0
            THEN 'not_comparable'
            WHEN compared.executed_at IS NULL AND compared.state IN ('cancelled', 'expired')
            THEN CASE WHEN compared.kept > compared.tolerance THEN 'extra_charge' ELSE 'matched' END
            WHEN compared.executed_at IS NULL
            THEN CASE
                WHEN compared.charged > 0 AND ABS(compared.upsell - compared.kept) <= compared.tolerance
                THEN 'matched'
                ELSE 'not_due_yet'
            END
            WHEN ABS(compared.upsell - compared.kept) <= compared.tolerance
            THEN CASE
                WHEN NOT compared.is_instant
                OR compared.instant_charged > compared.tolerance
                OR compared.window_end > CAST(@execution_ts AS TIMESTAMPTZ)
                THEN 'matched'
                WHEN compared.window_end >= LEAST(CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_upsell * INTERVAL '1' HOUR, feed.newest_at)
                THEN 'timing'
                WHEN COALESCE(compared.window_end < feed_start.oldest_at, TRUE)
                THEN 'unverifiable'
                ELSE 'instant_not_charged'
            END
            WHEN ABS(compared.upsell - compared.charged) <= compared.tolerance
            THEN 'refunded'
            WHEN compared.charged > compared.upsell AND (
                compared.upsell = 0 OR compared.charge_count > 1
            )
            THEN 'extra_charge'
            WHEN compared.charged > 0
            THEN 'amount_break'
            WHEN compared.pending_count > 0
            OR compared.executed_at >= LEAST(CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_upsell * INTERVAL '1' HOUR, feed.newest_at)
            THEN 'timing'
            WHEN compared.failed_count > 0
            THEN 'failed'
            WHEN COALESCE(compared.executed_at < feed_start.oldest_at, TRUE)
            THEN 'unverifiable'
            ELSE 'missing_charge'
        END AS match_class,
        compared.upsell AS amount,
        compared.exchange_credit,
        compared.currency,
        compared.state,
        compared.due,
        compared.charged,
        compared.refunded,
        compared.kept,
        compared.instant_charged,
        compared.charge_count,
        compared.fee,
        compared.level,
        compared.is_instant,
        compared.executed_at,
        compared.charged_at,
        compared.edited_at,
        compared.tolerance
    FROM compared
    CROSS JOIN feed
    CROSS JOIN feed_start
), charges_judged AS (
    SELECT
        'charge:' || moved.charge_id AS entity,
        COALESCE(attached.return_id, returns.return_id) AS return_id,
        moved.charge_id,
        CASE
            WHEN NOT attached.return_id IS NULL
            THEN 'attributed'
            WHEN moved.is_of_before OR NOT promised.return_id IS NULL
            THEN 'not_comparable'
            WHEN moved.refunded >= moved.amount
            THEN 'matched'
            WHEN returns.return_id IS NULL AND moved.created_at < read_from.oldest_at
            THEN 'unverifiable'
            ELSE 'extra_charge'
        END AS match_class,
        moved.amount,
        0 AS exchange_credit,
        moved.currency,
        returns.state,
        0 AS due,
        moved.amount AS charged,
        moved.refunded,
        moved.amount - moved.refunded AS kept,
        0 AS instant_charged,
        1 AS charge_count,
        moved.fee,
        attached.level,
        FALSE AS is_instant,
        CAST(NULL AS TIMESTAMPTZ) AS executed_at,
        moved.created_at AS charged_at,
        CAST(NULL AS TIMESTAMPTZ) AS edited_at,
        0 AS tolerance
    FROM moved
    LEFT JOIN attached
        ON attached.charge_id = moved.charge_id
    LEFT JOIN returns
        ON returns.return_id = moved.return_id
    LEFT JOIN promised
        ON promised.return_id = moved.return_id
    CROSS JOIN read_from
    WHERE
        moved.status = 'succeeded' AND moved.is_named
), classified AS (
    SELECT
        *
    FROM judged
    UNION ALL
    SELECT
        *
    FROM charges_judged
), final AS (
    SELECT
        CAST(classified.entity AS TEXT) AS entity,
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.charge_id AS TEXT) AS charge_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class IN ('missing_charge', 'failed', 'refunded', 'amount_break', 'extra_charge', 'instant_not_charged')
            THEN 2
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(CASE
            WHEN classified.match_class = 'instant_not_charged'
            THEN classified.exchange_credit
            WHEN NOT classified.match_class IN ('attributed', 'not_due_yet', 'not_comparable', 'unverifiable')
            THEN classified.due - classified.kept
        END AS DECIMAL(18, 4)) AS difference,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.charged AS DECIMAL(18, 4)) AS charged,
        CAST(classified.refunded AS DECIMAL(18, 4)) AS refunded,
        CAST(classified.instant_charged AS DECIMAL(18, 4)) AS instant_charged,
        CAST(classified.charge_count AS BIGINT) AS charge_count,
        CAST(classified.fee AS DECIMAL(18, 4)) AS fee,
        CAST(classified.level AS INT) AS level,
        CAST(classified.is_instant AS BOOLEAN) AS is_instant,
        CAST(classified.executed_at AS TIMESTAMPTZ) AS executed_at,
        CAST(classified.charged_at AS TIMESTAMPTZ) AS charged_at,
        CAST(CASE
            WHEN classified.match_class IN ('matched', 'not_due_yet', 'attributed', 'unverifiable')
            THEN NULL
            WHEN classified.match_class = 'timing'
            THEN 'timing'
            WHEN classified.match_class = 'not_comparable'
            THEN CASE WHEN NOT classified.return_id IS NULL AND classified.entity LIKE 'return:%' THEN 'currency' END
            WHEN classified.match_class = 'instant_not_charged'
            THEN 'instant_flow'
            WHEN classified.match_class = 'amount_break'
            AND classified.fee > 0
            AND ABS(ABS(classified.due - classified.charged) - classified.fee) <= classified.tolerance
            THEN 'fee_basis'
            WHEN classified.match_class = 'amount_break' AND classified.edited_at > classified.charged_at
            THEN 'edited_after'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
