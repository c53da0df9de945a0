MODEL (
    name marts.action_outcome,
    kind FULL,
    description 'One row per attempt of an action in the ledger, and per action that never came to one (attempt 0): what became of it?',
    grain (action_key, attempt),
    column_descriptions (
        action_key = 'Names the action, as in ops.actions',
        attempt = 'Which intent to send it was, from 1; 0: none was made',
        return_id = 'Return acted on',
        action = 'flag, cancel or process',
        flagged_item_id = 'Request that it answers',
        rule_id = 'Rule that asked; null: a person',
        match_class = 'waiting: approved or to be approved; pending: taken by Loop less than an hour ago; unconfirmed: taken, and no later read shows it; confirmed: a later read shows it; processed_not_paid: that, and past the grace Shopify has refunded nothing of what is due; diverted: processing ended in review; refused by Loop; unknown: nobody can say, a person looks; contradicted: the return became something else; drift: it had changed, or was there already, before anything was sent; not_sent: proved not to have arrived; expired',
        severity = '2 contradicted or processed_not_paid, 3 unconfirmed, diverted or unknown; null when it is no break',
        amount = 'Money that the action moves; each attempt names it',
        currency = 'Currency of the amount',
        state = 'State of the ledger that the attempt ended in, so far',
        reason = 'Why, as the ledger says',
        return_state = 'State of the return when it was last read back; null when it was not',
        actor = 'Who approved or started it last',
        started_at = 'When the intent was written, UTC; for attempt 0 the first event',
        changed_at = 'When its state last changed, UTC',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (action_key, attempt, return_id, action, match_class)),
        unique_combination_of_columns(columns := (action_key, attempt)),
        accepted_values(
            "column" := match_class,
            is_in := (
                'waiting',
                'pending',
                'unconfirmed',
                'confirmed',
                'processed_not_paid',
                'diverted',
                'refused',
                'unknown',
                'contradicted',
                'drift',
                'not_sent',
                'expired'
            )
        )
    )
);

WITH actions AS (
    SELECT
        *
    FROM ops.actions
), events AS (
    SELECT
        *
    FROM ops.action_events
), items AS (
    SELECT
        *
    FROM ops.flagged_items
), returns AS (
    SELECT
        *
    FROM staging.stg_returns
), refunds AS (
    SELECT
        *
    FROM marts.recon_refund
), numbered AS (
    SELECT
        events.action_key,
        events.seq,
        events.at,
        events.actor,
        events.to_state,
        events.reason,
        events.evidence,
        SUM(CASE WHEN events.to_state = 'INTENT' THEN 1 ELSE 0 END) OVER (PARTITION BY events.action_key ORDER BY events.seq) AS attempt,
        MAX(CASE WHEN events.to_state = 'INTENT' THEN 1 ELSE 0 END) OVER (PARTITION BY events.action_key) AS is_tried
    FROM events
), ordered AS (
    SELECT
        numbered.*,
        ROW_NUMBER() OVER (PARTITION BY numbered.action_key, numbered.attempt ORDER BY numbered.seq DESC) AS from_last,
        MIN(numbered.at) OVER (PARTITION BY numbered.action_key, numbered.attempt) AS started_at
    FROM numbered
    WHERE
        numbered.attempt > 0 OR numbered.is_tried = 0
), attempts AS (
    SELECT
        actions.action_key,
        COALESCE(ordered.attempt, 0) AS attempt,
        actions.return_id,
        actions.action,
        actions.flagged_item_id,
        actions.amount,
        actions.currency,
        COALESCE(ordered.to_state, actions.state) AS state,
        ordered.reason,
        ordered.actor,
        ordered.evidence ->> '$.state' AS return_state,
        ordered.started_at,
        COALESCE(ordered.at, actions.updated_at) AS changed_at
    FROM actions
    LEFT JOIN ordered
        ON ordered.action_key = actions.action_key AND ordered.from_last = 1
), seen AS (
    SELECT
        attempts.*,
        items.rule_id,
        COALESCE(
            returns.fetched_at > attempts.changed_at
            AND returns.state <> CASE attempts.action WHEN 'process' THEN 'closed' WHEN 'cancel' THEN 'cancelled' END,
            FALSE
        ) AS is_otherwise,
        attempts.action = 'process'
        AND attempts.changed_at < CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_shopify_refund * INTERVAL '1' HOUR
        AND COALESCE(refunds.match_class = 'missing_in_shopify', FALSE) AS is_unpaid
    FROM attempts
    LEFT JOIN items
        ON items.flagged_item_id = attempts.flagged_item_id
    LEFT JOIN returns
        ON returns.return_id = attempts.return_id
    LEFT JOIN refunds
        ON refunds.entity = 'return:' || attempts.return_id
), classified AS (
    SELECT
        seen.*,
        CASE
            WHEN seen.state = 'CONFIRMED' AND seen.is_otherwise
            THEN 'contradicted'
            WHEN seen.state = 'CONFIRMED' AND seen.is_unpaid
            THEN 'processed_not_paid'
            WHEN seen.state = 'CONFIRMED'
            THEN 'confirmed'
            WHEN seen.state = 'ACCEPTED' AND seen.changed_at > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '1' HOUR
            THEN 'pending'
            WHEN seen.state = 'ACCEPTED'
            THEN 'unconfirmed'
            WHEN seen.state = 'PARKED' AND seen.action = 'process' AND seen.return_state = 'review'
            THEN 'diverted'
            WHEN seen.state IN ('PARKED', 'INTENT', 'IN_DOUBT')
            THEN 'unknown'
            WHEN seen.state = 'REJECTED'
            THEN 'refused'
            WHEN seen.state = 'CONFLICT'
            THEN 'contradicted'
            WHEN seen.state IN ('ALREADY', 'STALE')
            THEN 'drift'
            WHEN seen.state = 'EXPIRED'
            THEN 'expired'
            WHEN seen.attempt > 0
            THEN 'not_sent'
            ELSE 'waiting'
        END AS match_class
    FROM seen
), final AS (
    SELECT
        CAST(classified.action_key AS TEXT) AS action_key,
        CAST(classified.attempt AS INT) AS attempt,
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.action AS TEXT) AS action,
        CAST(classified.flagged_item_id AS TEXT) AS flagged_item_id,
        CAST(classified.rule_id AS TEXT) AS rule_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class IN ('contradicted', 'processed_not_paid')
            THEN 2
            WHEN classified.match_class IN ('unconfirmed', 'diverted', 'unknown')
            THEN 3
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.reason AS TEXT) AS reason,
        CAST(classified.return_state AS TEXT) AS return_state,
        CAST(classified.actor AS TEXT) AS actor,
        CAST(classified.started_at AS TIMESTAMPTZ) AS started_at,
        CAST(classified.changed_at AS TIMESTAMPTZ) AS changed_at,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
