MODEL (
    name rules.r04_bad_grade,
    kind FULL,
    description 'One row per return that R04 would flag: open, and a unit came back with a grade that the merchant counts as bad.',
    grain return_id,
    column_descriptions (
        return_id = 'Return that the rule picks',
        reason_code = 'Why, in one word',
        reason = 'Why, in words; for a note on the return',
        amount_at_stake = 'What the customer gets: cash, gift card and exchange credit',
        currency = 'Shop currency, ISO 4217',
        score = 'How sure the rule is, 0 to 1',
        evidence = 'Facts that the rule stands on, as a JSON object; no ages',
        expect_state = 'State of the return that the rule saw',
        expect_updated_at = 'Last change of the return that the rule saw, UTC'
    ),
    audits (
        not_null(columns := (return_id, reason, evidence, expect_state))
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
), return_lines AS (
    SELECT
        *
    FROM staging.stg_return_lines
), grades AS (
    SELECT
        return_lines.return_id,
        return_lines.condition_category AS grade,
        COUNT(*) AS units
    FROM return_lines
    WHERE
        return_lines.condition_category IN (@EACH(@receipts_bad_grades, grade -> grade))
    GROUP BY
        return_lines.return_id,
        return_lines.condition_category
), graded AS (
    SELECT
        grades.return_id,
        SUM(grades.units) AS bad_units,
        LISTAGG(CAST(grades.units AS TEXT) || ' ' || grades.grade, ', '
        ORDER BY
            grades.grade) AS grades
    FROM grades
    GROUP BY
        grades.return_id
), picked AS (
    SELECT
        returns.return_id,
        returns.state,
        returns.currency,
        returns.updated_at,
        receipts.amount,
        receipts.expected_units,
        graded.bad_units,
        graded.grades
    FROM returns
    INNER JOIN receipts
        ON receipts.return_id = returns.return_id
    INNER JOIN graded
        ON graded.return_id = returns.return_id
    WHERE
        returns.state = 'open'
), final AS (
    SELECT
        CAST(picked.return_id AS TEXT) AS return_id,
        CAST('bad_grade' AS TEXT) AS reason_code,
        CAST('graded at the warehouse: ' || picked.grades || ', of ' || CAST(picked.expected_units AS TEXT) || ' units' AS TEXT) AS reason,
        CAST(picked.amount AS DECIMAL(18, 4)) AS amount_at_stake,
        CAST(picked.currency AS TEXT) AS currency,
        CAST(1 AS DECIMAL(5, 4)) AS score,
        @evidence('grades', picked.grades, 'bad_units', CAST(picked.bad_units AS BIGINT), 'units', picked.expected_units) AS evidence,
        CAST(picked.state AS TEXT) AS expect_state,
        CAST(picked.updated_at AS TIMESTAMPTZ) AS expect_updated_at
    FROM picked
)
SELECT
    *
FROM final
