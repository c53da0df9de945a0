MODEL (
    name marts.recon_refund,
    kind FULL,
    description 'One row per return, and one per Shopify refund on an order with a return: did Loop''s cash reach Shopify, once, with the right amount?',
    grain entity,
    column_descriptions (
        entity = 'What the row is about: return:<id> or refund:<Shopify''s id>',
        return_id = 'Loop''s id of the return; null for a refund that no return explains',
        refund_id = 'Shopify''s id of the refund; null for a return',
        match_class = 'matched; not_due_yet: open, nothing paid; timing: within grace, or younger than the extract; missing_in_shopify; amount_break; paid_early: open in Loop, paid in Shopify; paid_on_dead_return; over_refund: more went back than the order cost; extra_in_shopify: a refund that no return explains; attributed: a refund that is part of a difference shown at a return; loop_header_vs_refunds: Loop''s refund and its refunds[] differ; policy_no_refund: auto_refund is off; not_comparable: another currency; unverifiable: no extract, or none of that time',
        severity = '1 money leaves wrongly, 2 money wrong, 3 Loop disagrees with itself; null: no break',
        amount = 'Of a return: cash that Loop promises; of a refund: what was paid',
        difference = 'Due less paid: negative when too much went back; for loop_header_vs_refunds, promised less refunds[]',
        currency = 'Shop currency, ISO 4217',
        state = 'State of the return',
        order_id = 'Shopify''s id of the order',
        due = 'Cash due by now: that of closed returns, and what Loop says it has carried out',
        paid = 'Cash that Shopify paid for it',
        level = 'Step of the ladder that matched it: 1 by the refund''s id, 2 by exact amount, 3 by the sum of the order; null: none',
        refunds_shown = 'Sum of the refunds[] that Loop''s details or webhooks show since the close; null when none is shown',
        closed_at = 'When the return was closed, UTC; its last change where no notice says it',
        paid_at = 'When Shopify made the first refund of it, UTC',
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
                'missing_in_shopify',
                'amount_break',
                'paid_early',
                'paid_on_dead_return',
                'over_refund',
                'extra_in_shopify',
                'attributed',
                'loop_header_vs_refunds',
                'policy_no_refund',
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
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), listed_refunds AS (
    SELECT
        *
    FROM staging.stg_shopify_refunds
), detail_refunds AS (
    SELECT
        *
    FROM staging.stg_detail_refunds
), transactions AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_refunds
), orders AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_orders
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
        extracts.name = 'shopify_refunds'
), feed_start AS (
    SELECT
        MIN(transactions.created_at) AS oldest_at
    FROM transactions
), promised AS (
    SELECT
        returns.return_id,
        returns.provider_order_id AS order_id,
        returns.currency,
        returns.state,
        COALESCE(returns.refund, 0) AS refund,
        CASE
            WHEN returns.state = 'closed' OR NOT returns.refund_processed_at IS NULL
            THEN GREATEST(COALESCE(returns.refund, 0), 0)
            ELSE 0
        END AS due,
        returns.edited_at,
        COALESCE(returns.refund_shipping_total, 0) + COALESCE(returns.refund_shipping_tax_total, 0) AS shipping,
        COALESCE(returns.handling_fee, 0) AS handling_fee,
        receipts.closed_at,
        @tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01) AS tolerance
    FROM returns
    LEFT JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
), known_orders AS (
    SELECT
        promised.order_id,
        MIN(promised.currency) AS currency
    FROM promised
    WHERE
        NOT promised.order_id IS NULL
    GROUP BY
        promised.order_id
), moved AS (
    /* Cash only: a refund of goods in which no money moved has no amount. */
    SELECT
        transactions.refund_id,
        transactions.order_id,
        transactions.created_at,
        transactions.is_noted_by_loop,
        COALESCE(transactions.shop_currency, transactions.currency) AS currency,
        COALESCE(transactions.shop_amount, transactions.transaction_amount) AS amount
    FROM transactions
    INNER JOIN known_orders
        ON known_orders.order_id = transactions.order_id
    WHERE
        transactions.status = 'success'
        AND COALESCE(transactions.shop_amount, transactions.transaction_amount) <> 0
), paid AS (
    SELECT
        moved.refund_id,
        MIN(moved.order_id) AS order_id,
        MIN(moved.created_at) AS created_at,
        BOOL_OR(CAST(moved.is_noted_by_loop AS BOOLEAN)) AS is_noted_by_loop,
        CASE WHEN MIN(moved.currency) = MAX(moved.currency) THEN MIN(moved.currency) ELSE 'XXX' END AS currency,
        SUM(moved.amount) AS amount
    FROM moved
    GROUP BY
        moved.refund_id
), comparable AS (
    SELECT
        paid.*
    FROM paid
    INNER JOIN known_orders
        ON known_orders.order_id = paid.order_id AND known_orders.currency = paid.currency
), said AS (
    SELECT
        listed_refunds.provider_refund_id AS refund_id,
        listed_refunds.return_id
    FROM listed_refunds
    UNION ALL
    SELECT
        detail_refunds.provider_refund_id AS refund_id,
        detail_refunds.return_id
    FROM detail_refunds
), named AS (
    SELECT
        REGEXP_REPLACE(said.refund_id, '^.*/', '') AS refund_id,
        MIN(said.return_id) AS return_id
    FROM said
    GROUP BY
        REGEXP_REPLACE(said.refund_id, '^.*/', '')
    HAVING
        MIN(said.return_id) = MAX(said.return_id)
), by_id AS (
    SELECT
        comparable.refund_id,
        promised.return_id,
        comparable.amount,
        comparable.created_at
    FROM comparable
    INNER JOIN named
        ON named.refund_id = comparable.refund_id
    INNER JOIN promised
        ON promised.return_id = named.return_id AND promised.currency = comparable.currency
), by_id_sums AS (
    SELECT
        by_id.return_id,
        SUM(by_id.amount) AS amount,
        MIN(by_id.created_at) AS created_at
    FROM by_id
    GROUP BY
        by_id.return_id
), left_over AS (
    /* What each return still waits for; of what is not due yet, all that is promised. */
    SELECT
        promised.return_id,
        promised.order_id,
        promised.currency,
        promised.tolerance,
        promised.due > 0 AS is_due,
        promised.closed_at,
        CAST(CASE WHEN promised.due > 0 THEN promised.due ELSE promised.refund END - COALESCE(by_id_sums.amount, 0) AS DECIMAL(18, 4)) AS amount
    FROM promised
    LEFT JOIN by_id_sums
        ON by_id_sums.return_id = promised.return_id
), open_due AS (
    SELECT
        left_over.*,
        ROW_NUMBER() OVER (
            PARTITION BY left_over.order_id, left_over.currency, left_over.amount
            ORDER BY left_over.is_due DESC, left_over.closed_at, left_over.return_id
        ) AS place
    FROM left_over
    WHERE
        left_over.amount > left_over.tolerance
), open_paid AS (
    SELECT
        comparable.*,
        ROW_NUMBER() OVER (
            PARTITION BY comparable.order_id, comparable.currency, comparable.amount
            ORDER BY comparable.created_at, comparable.refund_id
        ) AS place
    FROM comparable
    LEFT JOIN by_id
        ON by_id.refund_id = comparable.refund_id
    WHERE
        by_id.refund_id IS NULL
), by_amount AS (
    SELECT
        open_paid.refund_id,
        open_due.return_id,
        open_paid.amount,
        open_paid.created_at
    FROM open_due
    INNER JOIN open_paid
        ON open_paid.order_id = open_due.order_id
        AND open_paid.currency = open_due.currency
        AND open_paid.amount = open_due.amount
        AND open_paid.place = open_due.place
), rest_due AS (
    SELECT
        open_due.return_id,
        open_due.order_id,
        open_due.currency,
        open_due.amount,
        SUM(open_due.amount) OVER (PARTITION BY open_due.order_id, open_due.currency ORDER BY open_due.closed_at, open_due.return_id) - open_due.amount AS before,
        ROW_NUMBER() OVER (
            PARTITION BY open_due.order_id, open_due.currency
            ORDER BY open_due.closed_at DESC, open_due.return_id DESC
        ) = 1 AS is_last
    FROM open_due
    LEFT JOIN by_amount
        ON by_amount.return_id = open_due.return_id
    WHERE
        by_amount.return_id IS NULL AND open_due.is_due
), rest_paid AS (
    SELECT
        open_paid.refund_id,
        open_paid.order_id,
        open_paid.currency,
        open_paid.amount,
        open_paid.created_at
    FROM open_paid
    LEFT JOIN by_amount
        ON by_amount.refund_id = open_paid.refund_id
    WHERE
        by_amount.refund_id IS NULL
), rest_sums AS (
    SELECT
        rest_paid.order_id,
        rest_paid.currency,
        SUM(rest_paid.amount) AS amount,
        MIN(rest_paid.created_at) AS created_at
    FROM rest_paid
    GROUP BY
        rest_paid.order_id,
        rest_paid.currency
), by_sum AS (
    /* The sum fills the returns of the order one after the other; what is too much stands at the last one. */
    SELECT
        rest_due.return_id,
        rest_due.order_id,
        rest_due.currency,
        rest_sums.created_at,
        CASE
            WHEN rest_due.is_last
            THEN GREATEST(rest_sums.amount - rest_due.before, 0)
            ELSE LEAST(GREATEST(rest_sums.amount - rest_due.before, 0), rest_due.amount)
        END AS amount
    FROM rest_due
    INNER JOIN rest_sums
        ON rest_sums.order_id = rest_due.order_id AND rest_sums.currency = rest_due.currency
), filled_orders AS (
    SELECT
        by_sum.order_id,
        by_sum.currency
    FROM by_sum
    GROUP BY
        by_sum.order_id,
        by_sum.currency
), order_money AS (
    SELECT
        comparable.order_id,
        SUM(comparable.amount) - MAX(orders.total) AS excess
    FROM comparable
    INNER JOIN orders
        ON orders.order_id = comparable.order_id AND orders.currency = comparable.currency
    GROUP BY
        comparable.order_id
), by_close AS (
    SELECT
        promised.order_id,
        promised.return_id,
        ROW_NUMBER() OVER (
            PARTITION BY promised.order_id
            ORDER BY COALESCE(promised.closed_at, CAST('1970-01-01' AS TIMESTAMPTZ)) DESC, promised.return_id DESC
        ) AS from_last
    FROM promised
    WHERE
        promised.due > 0
), last_of_order AS (
    SELECT
        by_close.order_id,
        by_close.return_id
    FROM by_close
    WHERE
        by_close.from_last = 1
), over_refunded AS (
    SELECT
        last_of_order.return_id,
        last_of_order.order_id,
        order_money.excess
    FROM order_money
    INNER JOIN last_of_order
        ON last_of_order.order_id = order_money.order_id
    WHERE
        order_money.excess > 0
), foreign_refunds AS (
    SELECT
        paid.refund_id,
        paid.order_id
    FROM paid
    LEFT JOIN comparable
        ON comparable.refund_id = paid.refund_id
    WHERE
        comparable.refund_id IS NULL
), foreign_orders AS (
    SELECT
        foreign_refunds.order_id,
        COUNT(*) AS refund_count
    FROM foreign_refunds
    GROUP BY
        foreign_refunds.order_id
), shown AS (
    SELECT
        detail_refunds.return_id,
        SUM(detail_refunds.amount) AS amount
    FROM detail_refunds
    INNER JOIN promised
        ON promised.return_id = detail_refunds.return_id
        AND promised.state = 'closed'
        AND detail_refunds.observed_at >= promised.closed_at
    GROUP BY
        detail_refunds.return_id
    HAVING
        COUNT(*) = COUNT(CASE WHEN detail_refunds.currency = promised.currency THEN detail_refunds.amount END)
), compared AS (
    SELECT
        promised.*,
        COALESCE(by_id_sums.amount, 0) + COALESCE(by_amount.amount, 0) + COALESCE(by_sum.amount, 0) AS paid,
        CASE
            WHEN COALESCE(by_sum.amount, 0) <> 0
            THEN 3
            WHEN NOT by_amount.return_id IS NULL
            THEN 2
            WHEN NOT by_id_sums.return_id IS NULL
            THEN 1
        END AS level,
        LEAST(by_id_sums.created_at, by_amount.created_at, by_sum.created_at) AS paid_at,
        shown.amount AS refunds_shown,
        over_refunded.excess,
        COALESCE(foreign_orders.refund_count, 0) AS foreign_count
    FROM promised
    LEFT JOIN by_id_sums
        ON by_id_sums.return_id = promised.return_id
    LEFT JOIN by_amount
        ON by_amount.return_id = promised.return_id
    LEFT JOIN by_sum
        ON by_sum.return_id = promised.return_id
    LEFT JOIN shown
        ON shown.return_id = promised.return_id
    LEFT JOIN over_refunded
        ON over_refunded.return_id = promised.return_id
    LEFT JOIN foreign_orders
        ON foreign_orders.order_id = promised.order_id
), judged AS (
    SELECT
        'return:' || compared.return_id AS entity,
        compared.return_id,
        CAST(NULL AS TEXT) AS refund_id,
        compared.currency,
        compared.state,
        compared.order_id,
        compared.refund AS amount,
        compared.due,
        compared.paid,
        compared.level,
        compared.refunds_shown,
        compared.closed_at,
        compared.paid_at,
        compared.edited_at,
        compared.shipping,
        compared.handling_fee,
        compared.tolerance,
        compared.excess,
        CAST(NULL AS BOOLEAN) AS is_noted_by_loop,
        CASE
            WHEN NOT feed.is_present AND ABS(compared.refund - compared.refunds_shown) > compared.tolerance
            THEN 'loop_header_vs_refunds'
            WHEN NOT feed.is_present OR (
                compared.order_id IS NULL AND compared.paid = 0 AND compared.due > 0
            )
            THEN 'unverifiable'
            WHEN NOT compared.excess IS NULL
            THEN 'over_refund'
            WHEN compared.foreign_count > 0 AND compared.paid = 0 AND compared.due > 0
            THEN 'not_comparable'
            WHEN compared.due = 0 AND compared.paid > compared.tolerance
            THEN CASE
                WHEN compared.state IN ('cancelled', 'expired')
                THEN 'paid_on_dead_return'
                WHEN compared.state = 'open'
                THEN 'paid_early'
                WHEN compared.state = 'closed' OR compared.paid > compared.refund + compared.tolerance
                THEN 'amount_break'
                ELSE 'not_due_yet'
            END
            WHEN compared.due = 0
            THEN CASE WHEN compared.state IN ('closed', 'cancelled', 'expired') THEN 'matched' ELSE 'not_due_yet' END
            WHEN ABS(compared.due - compared.paid) <= compared.tolerance
            THEN CASE
                WHEN ABS(compared.refund - compared.refunds_shown) > compared.tolerance
                THEN 'loop_header_vs_refunds'
                ELSE 'matched'
            END
            WHEN compared.paid < compared.due
            AND compared.closed_at >= LEAST(CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_shopify_refund * INTERVAL '1' HOUR, feed.newest_at)
            THEN 'timing'
            WHEN compared.paid = 0 AND @policy_auto_refund = FALSE
            THEN 'policy_no_refund'
            WHEN compared.paid = 0 AND COALESCE(compared.closed_at < feed_start.oldest_at, TRUE)
            THEN 'unverifiable'
            WHEN compared.paid = 0
            THEN 'missing_in_shopify'
            ELSE 'amount_break'
        END AS match_class
    FROM compared
    CROSS JOIN feed
    CROSS JOIN feed_start
), refunds_judged AS (
    SELECT
        'refund:' || paid.refund_id AS entity,
        COALESCE(by_id.return_id, by_amount.return_id) AS return_id,
        paid.refund_id,
        paid.currency,
        CAST(NULL AS TEXT) AS state,
        paid.order_id,
        paid.amount,
        CAST(0 AS DECIMAL(18, 4)) AS due,
        paid.amount AS paid,
        CASE
            WHEN NOT by_id.refund_id IS NULL
            THEN 1
            WHEN NOT by_amount.refund_id IS NULL
            THEN 2
            WHEN NOT filled_orders.order_id IS NULL
            THEN 3
        END AS level,
        CAST(NULL AS DECIMAL(18, 4)) AS refunds_shown,
        CAST(NULL AS TIMESTAMPTZ) AS closed_at,
        paid.created_at AS paid_at,
        CAST(NULL AS TIMESTAMPTZ) AS edited_at,
        CAST(0 AS DECIMAL(18, 4)) AS shipping,
        CAST(0 AS DECIMAL(18, 4)) AS handling_fee,
        CAST(0 AS DECIMAL(18, 4)) AS tolerance,
        CAST(NULL AS DECIMAL(18, 4)) AS excess,
        paid.is_noted_by_loop,
        CASE
            WHEN NOT foreign_refunds.refund_id IS NULL
            THEN 'not_comparable'
            WHEN NOT COALESCE(by_id.refund_id, by_amount.refund_id) IS NULL
            THEN 'matched'
            WHEN NOT COALESCE(filled_orders.order_id, over_refunded.order_id) IS NULL
            THEN 'attributed'
            ELSE 'extra_in_shopify'
        END AS match_class
    FROM paid
    LEFT JOIN by_id
        ON by_id.refund_id = paid.refund_id
    LEFT JOIN by_amount
        ON by_amount.refund_id = paid.refund_id
    LEFT JOIN filled_orders
        ON filled_orders.order_id = paid.order_id AND filled_orders.currency = paid.currency
    LEFT JOIN over_refunded
        ON over_refunded.order_id = paid.order_id
    LEFT JOIN foreign_refunds
        ON foreign_refunds.refund_id = paid.refund_id
), classified AS (
    SELECT
        *
    FROM judged
    UNION ALL
    SELECT
        *
    FROM refunds_judged
), final AS (
    SELECT
        CAST(classified.entity AS TEXT) AS entity,
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.refund_id AS TEXT) AS refund_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class IN ('paid_early', 'paid_on_dead_return', 'over_refund')
            THEN 1
            WHEN classified.match_class IN ('missing_in_shopify', 'amount_break', 'extra_in_shopify')
            THEN 2
            WHEN classified.match_class = 'loop_header_vs_refunds'
            THEN 3
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(CASE
            WHEN classified.match_class = 'loop_header_vs_refunds'
            THEN classified.amount - classified.refunds_shown
            WHEN classified.match_class = 'over_refund'
            THEN -classified.excess
            WHEN classified.match_class IN ('not_comparable', 'unverifiable', 'attributed')
            THEN NULL
            WHEN classified.match_class = 'matched' AND NOT classified.refund_id IS NULL
            THEN 0
            ELSE classified.due - classified.paid
        END AS DECIMAL(18, 4)) AS difference,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.order_id AS TEXT) AS order_id,
        CAST(classified.due AS DECIMAL(18, 4)) AS due,
        CAST(classified.paid AS DECIMAL(18, 4)) AS paid,
        CAST(classified.level AS INT) AS level,
        CAST(classified.refunds_shown AS DECIMAL(18, 4)) AS refunds_shown,
        CAST(classified.closed_at AS TIMESTAMPTZ) AS closed_at,
        CAST(classified.paid_at AS TIMESTAMPTZ) AS paid_at,
        CAST(CASE
            WHEN classified.match_class IN ('matched', 'not_due_yet', 'attributed', 'unverifiable')
            THEN NULL
            WHEN classified.match_class = 'timing'
            THEN 'timing'
            WHEN classified.match_class = 'not_comparable'
            THEN 'currency'
            WHEN classified.match_class = 'policy_no_refund'
            THEN 'auto_refund_off'
            WHEN classified.match_class = 'extra_in_shopify' AND classified.is_noted_by_loop = FALSE
            THEN 'manual_refund_in_shopify'
            WHEN classified.match_class = 'amount_break'
            AND classified.shipping > 0
            AND ABS(ABS(classified.due - classified.paid) - classified.shipping) <= classified.tolerance
            THEN 'shipping_or_duty'
            WHEN classified.match_class = 'amount_break'
            AND classified.handling_fee > 0
            AND ABS(ABS(classified.due - classified.paid) - classified.handling_fee) <= classified.tolerance
            THEN 'fee_basis'
            WHEN classified.match_class = 'amount_break' AND classified.edited_at > classified.paid_at
            THEN 'edited_after'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
