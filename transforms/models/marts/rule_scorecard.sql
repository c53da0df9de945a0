MODEL (
    name marts.rule_scorecard,
    kind FULL,
    description 'One row per rule, week and currency in which it asked for something: what did people decide, what came of it, was it right?',
    grain (rule_id, week, currency),
    column_descriptions (
        rule_id = 'Rule that asked',
        week = 'Monday of the week in which it asked, UTC; a request with new facts counts where they were new',
        currency = 'Currency of the amounts, ISO 4217; XXX when there is none',
        requested = 'Requests',
        amount = 'What they are about, in money',
        decided = 'Requests that a person approved or rejected',
        approved = 'Of these, approved; the last decision counts',
        approved_share = 'Approved of decided; null when none was decided',
        approved_low = 'Lower end of its 95 % interval (Wilson)',
        approved_high = 'Upper end of its 95 % interval (Wilson)',
        minutes_to_decision = 'Median minutes from request to decision',
        confirmed = 'Requests whose action is confirmed',
        refused = 'Requests whose action Loop refused',
        contradicted = 'Requests whose return became something else than the action says',
        drifted = 'Requests whose return had changed before anything was sent',
        unsettled = 'Requests whose action nobody can be sure of yet',
        amount_confirmed = 'Money of the confirmed ones',
        later_breaks = 'Open breaks of their returns that were first seen after the action was confirmed',
        reject_notes = 'What people said when they rejected, with counts'
    ),
    audits (
        not_null(columns := (rule_id, week, currency, requested)),
        unique_combination_of_columns(columns := (rule_id, week, currency))
    )
);

WITH items AS (
    SELECT
        *
    FROM ops.flagged_items
), decisions AS (
    SELECT
        *
    FROM ops.decisions
), outcomes AS (
    SELECT
        *
    FROM marts.action_outcome
), open_breaks AS (
    SELECT
        *
    FROM marts.open_breaks
), asked AS (
    SELECT
        items.flagged_item_id,
        items.rule_id,
        items.return_id,
        items.amount,
        items.requested_at,
        COALESCE(items.currency, 'XXX') AS currency,
        CAST(DATE_TRUNC('WEEK', items.requested_at AT TIME ZONE 'UTC') AS DATE) AS week
    FROM items
    WHERE
        NOT items.rule_id IS NULL
), last_decisions AS (
    SELECT
        decisions.flagged_item_id,
        decisions.decision,
        decisions.decided_at,
        decisions.note,
        ROW_NUMBER() OVER (PARTITION BY decisions.flagged_item_id ORDER BY decisions.decided_at DESC, decisions.decision DESC) AS from_last
    FROM decisions
    WHERE
        decisions.decision IN ('approve', 'reject')
), last_outcomes AS (
    SELECT
        outcomes.flagged_item_id,
        outcomes.match_class,
        outcomes.changed_at,
        ROW_NUMBER() OVER (
            PARTITION BY outcomes.flagged_item_id
            ORDER BY outcomes.changed_at DESC, outcomes.attempt DESC, outcomes.action_key
        ) AS from_last
    FROM outcomes
), judged AS (
    SELECT
        asked.*,
        last_decisions.decision,
        last_decisions.note,
        last_outcomes.match_class,
        last_outcomes.changed_at,
        CASE
            WHEN last_decisions.decided_at >= asked.requested_at
            THEN @seconds_between(asked.requested_at, last_decisions.decided_at) / 60.0
        END AS minutes
    FROM asked
    LEFT JOIN last_decisions
        ON last_decisions.flagged_item_id = asked.flagged_item_id AND last_decisions.from_last = 1
    LEFT JOIN last_outcomes
        ON last_outcomes.flagged_item_id = asked.flagged_item_id AND last_outcomes.from_last = 1
), new_breaks AS (
    SELECT
        judged.flagged_item_id,
        COUNT(*) AS break_count
    FROM judged
    INNER JOIN open_breaks
        ON open_breaks.return_id = judged.return_id AND open_breaks.first_seen_at > judged.changed_at
    WHERE
        judged.match_class IN ('confirmed', 'processed_not_paid') AND open_breaks.recon <> 'action_outcome'
    GROUP BY
        judged.flagged_item_id
), notes AS (
    SELECT
        judged.rule_id,
        judged.week,
        judged.currency,
        COALESCE(judged.note, 'no note') AS note,
        COUNT(*) AS note_count
    FROM judged
    WHERE
        judged.decision = 'reject'
    GROUP BY
        judged.rule_id,
        judged.week,
        judged.currency,
        COALESCE(judged.note, 'no note')
), reject_notes AS (
    SELECT
        notes.rule_id,
        notes.week,
        notes.currency,
        LISTAGG(
            CAST(notes.note_count AS TEXT) || ' ' || notes.note, '; '
            ORDER BY
                notes.note_count DESC,
                notes.note
        ) AS reject_notes
    FROM notes
    GROUP BY
        notes.rule_id,
        notes.week,
        notes.currency
), counted AS (
    SELECT
        judged.rule_id,
        judged.week,
        judged.currency,
        COUNT(*) AS requested,
        SUM(judged.amount) AS amount,
        COUNT(judged.decision) AS decided,
        SUM(CASE WHEN judged.decision = 'approve' THEN 1 ELSE 0 END) AS approved,
        MEDIAN(judged.minutes) AS minutes,
        SUM(CASE WHEN judged.match_class IN ('confirmed', 'processed_not_paid') THEN 1 ELSE 0 END) AS confirmed,
        SUM(CASE WHEN judged.match_class = 'refused' THEN 1 ELSE 0 END) AS refused,
        SUM(CASE WHEN judged.match_class = 'contradicted' THEN 1 ELSE 0 END) AS contradicted,
        SUM(CASE WHEN judged.match_class = 'drift' THEN 1 ELSE 0 END) AS drifted,
        SUM(CASE WHEN judged.match_class IN ('pending', 'unconfirmed', 'diverted', 'unknown') THEN 1 ELSE 0 END) AS unsettled,
        SUM(
            CASE
                WHEN judged.match_class IN ('confirmed', 'processed_not_paid')
                THEN COALESCE(judged.amount, 0)
                ELSE 0
            END
        ) AS amount_confirmed,
        SUM(COALESCE(new_breaks.break_count, 0)) AS later_breaks
    FROM judged
    LEFT JOIN new_breaks
        ON new_breaks.flagged_item_id = judged.flagged_item_id
    GROUP BY
        judged.rule_id,
        judged.week,
        judged.currency
), shares AS (
    SELECT
        counted.*,
        counted.approved * 1.0 / NULLIF(counted.decided, 0) AS share,
        3.8416 / NULLIF(counted.decided, 0) AS wide
    FROM counted
), final AS (
    SELECT
        CAST(shares.rule_id AS TEXT) AS rule_id,
        CAST(shares.week AS DATE) AS week,
        CAST(shares.currency AS TEXT) AS currency,
        CAST(shares.requested AS BIGINT) AS requested,
        CAST(shares.amount AS DECIMAL(18, 4)) AS amount,
        CAST(shares.decided AS BIGINT) AS decided,
        CAST(shares.approved AS BIGINT) AS approved,
        CAST(shares.share AS DECIMAL(9, 4)) AS approved_share,
        CAST((
            shares.share + shares.wide / 2 - SQRT(shares.wide * (
                shares.share * (
                    1 - shares.share
                ) + shares.wide / 4
            ))
        ) / (
            1 + shares.wide
        ) AS DECIMAL(9, 4)) AS approved_low,
        CAST((
            shares.share + shares.wide / 2 + SQRT(shares.wide * (
                shares.share * (
                    1 - shares.share
                ) + shares.wide / 4
            ))
        ) / (
            1 + shares.wide
        ) AS DECIMAL(9, 4)) AS approved_high,
        CAST(shares.minutes AS DECIMAL(18, 1)) AS minutes_to_decision,
        CAST(shares.confirmed AS BIGINT) AS confirmed,
        CAST(shares.refused AS BIGINT) AS refused,
        CAST(shares.contradicted AS BIGINT) AS contradicted,
        CAST(shares.drifted AS BIGINT) AS drifted,
        CAST(shares.unsettled AS BIGINT) AS unsettled,
        CAST(shares.amount_confirmed AS DECIMAL(18, 4)) AS amount_confirmed,
        CAST(shares.later_breaks AS BIGINT) AS later_breaks,
        CAST(reject_notes.reject_notes AS TEXT) AS reject_notes
    FROM shares
    LEFT JOIN reject_notes
        ON reject_notes.rule_id = shares.rule_id
        AND reject_notes.week = shares.week
        AND reject_notes.currency = shares.currency
)
SELECT
    *
FROM final
