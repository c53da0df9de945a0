MODEL (
    name marts.open_breaks,
    kind FULL,
    description 'One row per break that is open now: since when, how old, how severe with its age, and whether it came back.',
    grain break_key,
    column_descriptions (
        break_key = 'Names the break over all runs: recon, entity and type',
        recon = 'Mart that found it',
        owner = 'Who looks at it: data, finance, ops, customer care',
        entity = 'What it is about: return:<id>, return:<id>:<identity>, asn_line:<line id>:<notice id> or action:<key>:<attempt>',
        return_id = 'Loop''s id of the return, shown to people as the RMA number; null only for an orphan',
        break_type = 'Class in that mart',
        severity = '1 to 4 after age raised it by one at 15, 31 and 61 days; 1 is the worst',
        amount = 'Signed money at stake',
        currency = 'Shop currency, ISO 4217',
        left_ref = 'What the left side says',
        right_ref = 'What the right side says',
        root_cause = 'Cause from the closed list of causes',
        evidence = 'Stable facts, no ages: key=value pairs',
        base_severity = 'Severity before age raised it',
        first_seen_at = 'When it was first seen, UTC; changes of its amount do not reset it, clearing does',
        age_days = 'Whole days since it was first seen',
        age_bucket = 'Days since it was first seen',
        reopened_count = 'How often it came back after it was cleared',
        status = 'open, or accepted: a person leaves it until a day, as long as its amount stays and it is not cleared',
        accepted_until = 'Last day of the acceptance, UTC; null when it is not accepted',
        accepted_by = 'Who accepted it',
        accepted_reason = 'Why',
        return_age_days = 'Whole days since the return was made; null for what the list lacks',
        as_of = 'The build''s one present, UTC'
    ),
    audits (not_null(columns := (
            break_key
        )), unique_values(columns := (
            break_key
    )))
);

WITH breaks AS (
    SELECT
        *
    FROM marts.breaks
), ledger AS (
    SELECT
        *
    FROM marts.break_ledger
), said AS (
    SELECT
        *
    FROM ops.accepted_breaks
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), versions AS (
    SELECT
        ledger.break_key,
        ledger.first_seen_at,
        ledger.cleared_at,
        CASE
            WHEN LAG(ledger.cleared_at) OVER (PARTITION BY ledger.break_key ORDER BY ledger.first_seen_at, ledger.cleared_at) = ledger.first_seen_at
            THEN 0
            ELSE 1
        END AS is_start
    FROM ledger
), lives AS (
    SELECT
        versions.break_key,
        MAX(CASE WHEN versions.is_start = 1 THEN versions.first_seen_at END) AS first_seen_at,
        SUM(versions.is_start) - 1 AS reopened_count
    FROM versions
    GROUP BY
        versions.break_key
), aged AS (
    SELECT
        breaks.*,
        breaks.severity AS base_severity,
        lives.first_seen_at,
        lives.reopened_count,
        @whole_days(lives.first_seen_at, breaks.as_of) AS age_days,
        @whole_days(breaks.return_created_at, breaks.as_of) AS return_age_days
    FROM breaks
    INNER JOIN lives
        ON lives.break_key = breaks.break_key
), last_words AS (
    SELECT
        said.*,
        ROW_NUMBER() OVER (PARTITION BY said.break_key ORDER BY said.seq DESC) AS from_last
    FROM said
), valid AS (
    SELECT
        aged.break_key,
        last_words.until,
        last_words.said_by,
        last_words.reason
    FROM aged
    INNER JOIN last_words
        ON last_words.break_key = aged.break_key AND last_words.from_last = 1
    LEFT JOIN currencies
        ON currencies.currency = aged.currency
    WHERE
        last_words.until >= CAST(CAST(@execution_ts AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE)
        AND last_words.said_at >= aged.first_seen_at
        AND COALESCE(last_words.currency, '') = COALESCE(aged.currency, '')
        AND ABS(COALESCE(last_words.amount, 0) - COALESCE(aged.amount, 0)) <= @tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01)
), final AS (
    SELECT
        CAST(aged.break_key AS TEXT) AS break_key,
        CAST(aged.recon AS TEXT) AS recon,
        CAST(aged.owner AS TEXT) AS owner,
        CAST(aged.entity AS TEXT) AS entity,
        CAST(aged.return_id AS TEXT) AS return_id,
        CAST(aged.break_type AS TEXT) AS break_type,
        CAST(GREATEST(
            1,
            aged.base_severity - CASE
                WHEN aged.age_days >= 61
                THEN 3
                WHEN aged.age_days >= 31
                THEN 2
                WHEN aged.age_days >= 15
                THEN 1
                ELSE 0
            END
        ) AS INT) AS severity,
        CAST(aged.amount AS DECIMAL(18, 4)) AS amount,
        CAST(aged.currency AS TEXT) AS currency,
        CAST(aged.left_ref AS TEXT) AS left_ref,
        CAST(aged.right_ref AS TEXT) AS right_ref,
        CAST(aged.root_cause AS TEXT) AS root_cause,
        CAST(aged.evidence AS TEXT) AS evidence,
        CAST(aged.base_severity AS INT) AS base_severity,
        CAST(aged.first_seen_at AS TIMESTAMPTZ) AS first_seen_at,
        CAST(aged.age_days AS INT) AS age_days,
        CAST(CASE
            WHEN aged.age_days <= 1
            THEN '0-1'
            WHEN aged.age_days <= 3
            THEN '2-3'
            WHEN aged.age_days <= 7
            THEN '4-7'
            WHEN aged.age_days <= 14
            THEN '8-14'
            WHEN aged.age_days <= 30
            THEN '15-30'
            WHEN aged.age_days <= 60
            THEN '31-60'
            ELSE '61+'
        END AS TEXT) AS age_bucket,
        CAST(aged.reopened_count AS INT) AS reopened_count,
        CAST(CASE WHEN valid.break_key IS NULL THEN 'open' ELSE 'accepted' END AS TEXT) AS status,
        CAST(valid.until AS DATE) AS accepted_until,
        CAST(valid.said_by AS TEXT) AS accepted_by,
        CAST(valid.reason AS TEXT) AS accepted_reason,
        CAST(aged.return_age_days AS INT) AS return_age_days,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM aged
    LEFT JOIN valid
        ON valid.break_key = aged.break_key
)
SELECT
    *
FROM final
