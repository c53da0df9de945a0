MODEL (
    name marts.breaks,
    kind FULL,
    description 'One row per break of any mart, now: what does not reconcile, in one shape.',
    grain break_key,
    column_descriptions (
        break_key = 'Names the break over all runs: recon, entity and type',
        recon = 'Mart that found it',
        entity = 'What it is about: return:<id>, return:<id>:<identity>, asn_line:<line id>:<notice id> or action:<key>:<attempt>',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null only for an orphan',
        break_type = 'Class in that mart',
        severity = '1 money leaves wrongly, 2 money wrong or goods missing, 3 a customer waits, 4 hygiene; before age raises it (marts.open_breaks)',
        amount = 'Signed money at stake',
        currency = 'Shop currency, ISO 4217',
        left_ref = 'What the left side says',
        right_ref = 'What the right side says',
        root_cause = 'Cause from the closed list of causes',
        evidence = 'Stable facts, no ages: key=value pairs',
        return_created_at = 'When the return was made, UTC; null for what the list lacks',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (
            break_key
        )),
        unique_values(columns := (
            break_key
        )),
        not_null(columns := (recon, entity, break_type, severity))
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), endpoint AS (
    SELECT
        *
    FROM marts.recon_endpoint
), money AS (
    SELECT
        *
    FROM marts.recon_money
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), outcomes AS (
    SELECT
        *
    FROM marts.action_outcome
), found AS (
    SELECT
        'recon_endpoint' AS recon,
        endpoint.entity,
        endpoint.return_id,
        endpoint.match_class AS break_type,
        endpoint.severity,
        endpoint.amount,
        endpoint.currency,
        CASE
            WHEN endpoint.list_state IS NULL
            THEN 'not in the list'
            WHEN endpoint.match_class = 'line_count_break'
            THEN CAST(endpoint.list_lines AS TEXT) || ' lines'
            WHEN endpoint.match_class = 'label_break'
            THEN COALESCE(endpoint.list_label_status, 'no label')
            ELSE endpoint.list_state
        END AS left_ref,
        CASE
            WHEN endpoint.asn_id IS NULL
            THEN 'not in the notices'
            WHEN endpoint.match_class = 'line_count_break'
            THEN CAST(endpoint.asn_lines AS TEXT) || ' lines'
            WHEN endpoint.match_class = 'label_break'
            THEN COALESCE(endpoint.asn_label_status, 'no label')
            WHEN endpoint.match_class = 'asn_orphan'
            THEN 'line ' || endpoint.line_item_id
            ELSE COALESCE(endpoint.asn_state, 'no state')
        END AS right_ref,
        endpoint.root_cause,
        'list_lines=' || CAST(COALESCE(endpoint.list_lines, 0) AS TEXT) || ' asn_lines=' || CAST(COALESCE(endpoint.asn_lines, 0) AS TEXT) || ' asn_id=' || COALESCE(endpoint.asn_id, '-') || ' line=' || COALESCE(endpoint.line_item_id, '-') AS evidence
    FROM endpoint
    WHERE
        endpoint.match_class IN ('missing_in_list', 'missing_in_asn', 'line_count_break', 'state_break', 'label_break', 'asn_orphan')
    UNION ALL
    SELECT
        'recon_money' AS recon,
        'return:' || money.return_id || ':' || money.identity_id AS entity,
        money.return_id,
        money.match_class AS break_type,
        money.severity,
        money.amount,
        money.currency,
        CAST(money.left_amount AS TEXT) AS left_ref,
        CAST(money.right_amount AS TEXT) AS right_ref,
        money.root_cause,
        'identity=' || money.identity_id || ' tolerance=' || CAST(money.tolerance AS TEXT) AS evidence
    FROM money
    WHERE
        money.match_class = 'amount_break'
    UNION ALL
    SELECT
        'recon_receipt' AS recon,
        'return:' || receipts.return_id AS entity,
        receipts.return_id,
        receipts.match_class AS break_type,
        receipts.severity,
        receipts.amount,
        receipts.currency,
        receipts.state AS left_ref,
        COALESCE(receipts.label_status, 'no label') AS right_ref,
        receipts.root_cause,
        'units=' || CAST(receipts.expected_units AS TEXT) || ' bad_units=' || CAST(receipts.bad_units AS TEXT) || ' delivered_at=' || COALESCE(CAST(CAST(receipts.carrier_delivered_at AT TIME ZONE 'UTC' AS DATE) AS TEXT), '-') AS evidence
    FROM receipts
    WHERE
        receipts.match_class IN (
            'paid_never_shipped',
            'bad_grade',
            'delivered_open',
            'stalled_in_transit',
            'label_failure',
            'label_only'
        )
    UNION ALL
    SELECT
        'action_outcome' AS recon,
        'action:' || outcomes.action_key || ':' || CAST(outcomes.attempt AS TEXT) AS entity,
        outcomes.return_id,
        outcomes.match_class AS break_type,
        outcomes.severity,
        outcomes.amount,
        outcomes.currency,
        outcomes.action || ' ' || outcomes.state AS left_ref,
        COALESCE(outcomes.return_state, 'not read back') AS right_ref,
        'unknown' AS root_cause,
        'rule=' || COALESCE(outcomes.rule_id, '-') || ' request=' || COALESCE(outcomes.flagged_item_id, '-') AS evidence
    FROM outcomes
    WHERE
        outcomes.match_class IN ('unconfirmed', 'diverted', 'unknown', 'contradicted')
), final AS (
    SELECT
        CAST(found.recon || '|' || found.entity || '|' || found.break_type AS TEXT) AS break_key,
        CAST(found.recon AS TEXT) AS recon,
        CAST(found.entity AS TEXT) AS entity,
        CAST(found.return_id AS TEXT) AS return_id,
        CAST(found.break_type AS TEXT) AS break_type,
        CAST(found.severity AS INT) AS severity,
        CAST(found.amount AS DECIMAL(18, 4)) AS amount,
        CAST(found.currency AS TEXT) AS currency,
        CAST(found.left_ref AS TEXT) AS left_ref,
        CAST(found.right_ref AS TEXT) AS right_ref,
        CAST(found.root_cause AS TEXT) AS root_cause,
        CAST(found.evidence AS TEXT) AS evidence,
        CAST(returns.created_at AS TIMESTAMPTZ) AS return_created_at,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM found
    LEFT JOIN returns
        ON returns.return_id = found.return_id
)
SELECT
    *
FROM final
