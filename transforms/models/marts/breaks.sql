MODEL (
    name marts.breaks,
    kind FULL,
    description 'One row per break of any mart, now: what does not reconcile, in one shape.',
    grain break_key,
    column_descriptions (
        break_key = 'Names the break over all runs: recon, entity and type',
        recon = 'Mart that found it',
        owner = 'Who looks at it: data, finance, ops, customer care',
        entity = 'What it is about: return:<id>, return:<id>:<identity>, asn_line:<line id>:<notice id>, label:<return>:<no>, refund:<id>, card:<id>, charge:<id> or action:<key>:<attempt>',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null for an orphan, and for a refund, card or charge that no return explains',
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
), found AS (
    @break_rows()
), final AS (
    SELECT
        CAST(found.recon || '|' || found.entity || '|' || found.break_type AS TEXT) AS break_key,
        CAST(found.recon AS TEXT) AS recon,
        CAST(found.owner AS TEXT) AS owner,
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
