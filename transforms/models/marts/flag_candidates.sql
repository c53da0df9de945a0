MODEL (
    name marts.flag_candidates,
    kind FULL,
    description 'One row per rule and return that it picks now: what it proposes, why, and on which facts. Nothing is done by it: a rule in shadow only shows what it would ask for.',
    grain (rule_id, return_id),
    column_descriptions (
        rule_id = 'Rule that picks it',
        return_id = 'Return that it picks',
        rule_version = 'Names the rule''s SQL and thresholds: other ones, another version',
        mode = 'on: it becomes a request in ops.flagged_items; shadow: it is only shown',
        action = 'What is proposed: flag, cancel, process, or none: a task for people',
        severity = '1 money leaves wrongly, 2 money wrong or goods missing, 3 a customer waits, 4 hygiene',
        priority = 'Order of attention, lowest first: tens by action, since a hold beats a go (flag 10, cancel 20, process 30, none 40), plus the severity',
        owner = 'Who looks after the rule',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; goes to the return as a note once it is acted on',
        amount_at_stake = 'What the customer gets: cash, gift card and exchange credit',
        currency = 'Shop currency, ISO 4217',
        score = 'How sure the rule is, 0 to 1',
        evidence = 'Facts that the rule stands on, as a JSON object; no ages',
        evidence_hash = 'Names rule, return, facts, state, outcome and amount: other ones, another hash',
        expect_state = 'State of the return that the rule saw',
        expect_outcome = 'Outcome of the return that the rule saw',
        expect_updated_at = 'Last change of the return that the rule saw, UTC',
        is_exempt = 'True when the merchant''s list of exemptions holds it: it never becomes a request',
        exemption = 'Reason in that list; null when it is not exempt',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(
            columns := (rule_id, return_id, rule_version, mode, action, severity, priority, evidence_hash, is_exempt)
        ),
        unique_combination_of_columns(columns := (rule_id, return_id)),
        accepted_values("column" := mode, is_in := ('on', 'shadow')),
        accepted_values("column" := action, is_in := ('flag', 'cancel', 'process', 'none'))
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
), rules AS (
    SELECT
        *
    FROM staging.seed_rules
), exemptions AS (
    SELECT
        *
    FROM ops.exemptions
), settings AS (
    SELECT
        'R01_received_process' AS rule_id,
        @rule_r01_mode AS mode,
        @rule_r01_version AS rule_version
    UNION ALL
    SELECT
        'R02_delivered_open_process' AS rule_id,
        @rule_r02_mode AS mode,
        @rule_r02_version AS rule_version
    UNION ALL
    SELECT
        'R03_short_receipt' AS rule_id,
        @rule_r03_mode AS mode,
        @rule_r03_version AS rule_version
    UNION ALL
    SELECT
        'R04_bad_grade' AS rule_id,
        @rule_r04_mode AS mode,
        @rule_r04_version AS rule_version
    UNION ALL
    SELECT
        'R05_delivered_not_received' AS rule_id,
        @rule_r05_mode AS mode,
        @rule_r05_version AS rule_version
    UNION ALL
    SELECT
        'R06_unexpected_item' AS rule_id,
        @rule_r06_mode AS mode,
        @rule_r06_version AS rule_version
    UNION ALL
    SELECT
        'R07_money_break_open' AS rule_id,
        @rule_r07_mode AS mode,
        @rule_r07_version AS rule_version
    UNION ALL
    SELECT
        'R08_high_value' AS rule_id,
        @rule_r08_mode AS mode,
        @rule_r08_version AS rule_version
    UNION ALL
    SELECT
        'R09_label_never_used' AS rule_id,
        @rule_r09_mode AS mode,
        @rule_r09_version AS rule_version
    UNION ALL
    SELECT
        'R10_duplicate_line' AS rule_id,
        @rule_r10_mode AS mode,
        @rule_r10_version AS rule_version
    UNION ALL
    SELECT
        'R11_dead_return_received' AS rule_id,
        @rule_r11_mode AS mode,
        @rule_r11_version AS rule_version
    UNION ALL
    SELECT
        'R12_paid_never_shipped' AS rule_id,
        @rule_r12_mode AS mode,
        @rule_r12_version AS rule_version
    UNION ALL
    SELECT
        'R13_returner_risk' AS rule_id,
        @rule_r13_mode AS mode,
        @rule_r13_version AS rule_version
    UNION ALL
    SELECT
        'R14_instant_overdue' AS rule_id,
        @rule_r14_mode AS mode,
        @rule_r14_version AS rule_version
    UNION ALL
    SELECT
        'R15_stalled' AS rule_id,
        @rule_r15_mode AS mode,
        @rule_r15_version AS rule_version
    UNION ALL
    SELECT
        'R16_review_waiting' AS rule_id,
        @rule_r16_mode AS mode,
        @rule_r16_version AS rule_version
    UNION ALL
    SELECT
        'R17_keep_item_waiting' AS rule_id,
        @rule_r17_mode AS mode,
        @rule_r17_version AS rule_version
    UNION ALL
    SELECT
        'R18_over_refund' AS rule_id,
        @rule_r18_mode AS mode,
        @rule_r18_version AS rule_version
    UNION ALL
    SELECT
        'R19_erp_received' AS rule_id,
        @rule_r19_mode AS mode,
        @rule_r19_version AS rule_version
    UNION ALL
    SELECT
        'R20_paid_early' AS rule_id,
        @rule_r20_mode AS mode,
        @rule_r20_version AS rule_version
    UNION ALL
    SELECT
        'R21_processed_not_paid' AS rule_id,
        @rule_r21_mode AS mode,
        @rule_r21_version AS rule_version
), picked AS (
    @rule_picks()
), live AS (
    SELECT
        picked.*,
        settings.mode,
        settings.rule_version
    FROM picked
    INNER JOIN settings
        ON settings.rule_id = picked.rule_id
    WHERE
        settings.mode <> 'off'
), candidates AS (
    SELECT
        live.return_id
    FROM live
    GROUP BY
        live.return_id
), subjects AS (
    SELECT
        candidates.return_id,
        'return' AS scope,
        candidates.return_id AS key
    FROM candidates
    UNION ALL
    SELECT
        returns.return_id,
        'customer' AS scope,
        returns.customer AS key
    FROM returns
    INNER JOIN candidates
        ON candidates.return_id = returns.return_id
    UNION ALL
    SELECT
        returns.return_id,
        'order' AS scope,
        returns.order_id AS key
    FROM returns
    INNER JOIN candidates
        ON candidates.return_id = returns.return_id
    UNION ALL
    SELECT
        returns.return_id,
        'order' AS scope,
        returns.order_name AS key
    FROM returns
    INNER JOIN candidates
        ON candidates.return_id = returns.return_id
    UNION ALL
    SELECT
        returns.return_id,
        'order' AS scope,
        returns.provider_order_id AS key
    FROM returns
    INNER JOIN candidates
        ON candidates.return_id = returns.return_id
    UNION ALL
    SELECT
        return_lines.return_id,
        'sku' AS scope,
        return_lines.sku AS key
    FROM return_lines
    INNER JOIN candidates
        ON candidates.return_id = return_lines.return_id
    GROUP BY
        return_lines.return_id,
        return_lines.sku
), exempted AS (
    SELECT
        live.rule_id,
        live.return_id,
        MIN(exemptions.reason) AS exemption
    FROM live
    INNER JOIN subjects
        ON subjects.return_id = live.return_id
    INNER JOIN exemptions
        ON exemptions.scope = subjects.scope
        AND exemptions.key = subjects.key
        AND exemptions.rule_id IN (live.rule_id, '*')
    WHERE
        exemptions.until IS NULL
        OR exemptions.until >= CAST(CAST(@execution_ts AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE)
    GROUP BY
        live.rule_id,
        live.return_id
), final AS (
    SELECT
        CAST(live.rule_id AS TEXT) AS rule_id,
        CAST(live.return_id AS TEXT) AS return_id,
        CAST(live.rule_version AS TEXT) AS rule_version,
        CAST(live.mode AS TEXT) AS mode,
        CAST(rules.action AS TEXT) AS action,
        CAST(rules.severity AS INT) AS severity,
        CAST(CASE rules.action WHEN 'flag' THEN 10 WHEN 'cancel' THEN 20 WHEN 'process' THEN 30 ELSE 40 END + rules.severity AS INT) AS priority,
        CAST(rules.owner AS TEXT) AS owner,
        CAST(live.reason_code AS TEXT) AS reason_code,
        CAST(LEFT(live.reason, 200) AS TEXT) AS reason,
        CAST(live.amount_at_stake AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(live.currency AS TEXT) AS currency,
        CAST(live.score AS DECIMAL(5, 4)) AS score,
        CAST(live.evidence AS TEXT) AS evidence,
        CAST(@sha256_text(
            live.rule_id || '|' || live.return_id || '|' || live.expect_state || '|' || COALESCE(returns.outcome, '') || '|' || COALESCE(CAST(live.amount_at_stake AS TEXT), '') || '|' || COALESCE(live.currency, '') || '|' || live.evidence
        ) AS TEXT) AS evidence_hash,
        CAST(live.expect_state AS TEXT) AS expect_state,
        CAST(returns.outcome AS TEXT) AS expect_outcome,
        CAST(live.expect_updated_at AS TIMESTAMPTZ) AS expect_updated_at,
        CAST(NOT exempted.return_id IS NULL AS BOOLEAN) AS is_exempt,
        CAST(exempted.exemption AS TEXT) AS exemption,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM live
    INNER JOIN rules
        ON rules.rule_id = live.rule_id
    INNER JOIN returns
        ON returns.return_id = live.return_id
    LEFT JOIN exempted
        ON exempted.rule_id = live.rule_id AND exempted.return_id = live.return_id
)
SELECT
    *
FROM final
