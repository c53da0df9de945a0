MODEL (
    name marts.break_ledger,
    kind SCD_TYPE_2_BY_COLUMN (
        unique_key break_key,
        columns (severity, amount, currency, root_cause),
        invalidate_hard_deletes TRUE,
        execution_time_as_valid_from TRUE,
        valid_from_name first_seen_at,
        valid_to_name cleared_at,
        time_data_type TIMESTAMPTZ
    ),
    description 'One row per break and version of it: when it was first seen like this, and when it was cleared or changed. Two builds of one instant leave versions of no length.',
    grain (break_key, first_seen_at),
    column_descriptions (
        break_key = 'Names the break over all runs: recon, entity and type',
        recon = 'Mart that found it',
        entity = 'What it is about: return:<id>, return:<id>:<identity> or asn_line:<line id>:<notice id>',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null only for an orphan',
        break_type = 'Class in that mart',
        severity = '1 money leaves wrongly, 2 money wrong or goods missing, 3 a customer waits, 4 hygiene; before age raises it (marts.open_breaks)',
        amount = 'Signed money at stake',
        currency = 'Shop currency, ISO 4217',
        left_ref = 'What the left side says',
        right_ref = 'What the right side says',
        root_cause = 'Cause from the closed list of causes',
        evidence = 'Stable facts when this version began: key=value pairs',
        first_seen_at = 'When this version was first seen, UTC; an unbroken chain of versions is one break (marts.open_breaks)',
        cleared_at = 'When it was cleared, or the next version began, UTC; null while it is open'
    ),
    audits (
        not_null(columns := (break_key, first_seen_at)),
        unique_combination_of_columns(columns := (break_key, first_seen_at), condition := first_seen_at <> cleared_at OR cleared_at IS NULL),
        number_of_open_breaks()
    )
);

WITH breaks AS (
    SELECT
        *
    FROM marts.breaks
), final AS (
    SELECT
        CAST(breaks.break_key AS TEXT) AS break_key,
        CAST(breaks.recon AS TEXT) AS recon,
        CAST(breaks.entity AS TEXT) AS entity,
        CAST(breaks.return_id AS TEXT) AS return_id,
        CAST(breaks.break_type AS TEXT) AS break_type,
        CAST(breaks.severity AS INT) AS severity,
        CAST(breaks.amount AS DECIMAL(18, 4)) AS amount,
        CAST(breaks.currency AS TEXT) AS currency,
        CAST(breaks.left_ref AS TEXT) AS left_ref,
        CAST(breaks.right_ref AS TEXT) AS right_ref,
        CAST(breaks.root_cause AS TEXT) AS root_cause,
        CAST(breaks.evidence AS TEXT) AS evidence
    FROM breaks
)
SELECT
    *
FROM final
