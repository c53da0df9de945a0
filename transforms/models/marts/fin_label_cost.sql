MODEL (
    name marts.fin_label_cost,
    kind FULL,
    description 'One row per label of a return: what Loop says it costs, what the carrier billed, and what the fee bears of it.',
    grain (return_id, label_no),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        label_no = 'Place of the label in the return, from 1',
        match_class = 'matched; amount_break: billed another amount; duplicate_invoice: the same charge on two invoices; unused_billed: billed, and never scanned; timing, missing_invoice: used, not billed, younger or older than the days allowed; not_used: no scan and no bill; unverifiable: no extract of invoices, Loop says no rate, or billed in another currency; duplicate: its tracking number stands on an earlier label',
        severity = '4 for amount_break, duplicate_invoice, unused_billed and missing_invoice: hygiene; null otherwise',
        tracking_number = 'Tracking number',
        carrier = 'Carrier of the label',
        label_status = 'Where the parcel is by the carrier''s scans',
        is_used = 'True when the carrier has scanned it; null when Loop''s status is unknown',
        label_updated_at = 'Last change of the label, UTC',
        amount = 'What Loop says it costs, in units of the shop''s currency by [policy] label_rate_factor; null when it does not say',
        currency = 'Shop currency, ISO 4217',
        invoice_amount = 'What the carrier billed in that currency, credits taken off; null when nothing was',
        handling_fee = 'Fee kept by the merchant, on the first label of its return; 0 on the others',
        net_cost = 'Billed, else the rate if it was used, minus the fee; null when neither is known',
        root_cause = 'Cause from the closed list of causes; null when there is nothing to explain',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (return_id, label_no, match_class)),
        unique_combination_of_columns(columns := (return_id, label_no)),
        accepted_values(
            "column" := match_class,
            is_in := (
                'matched',
                'amount_break',
                'timing',
                'missing_invoice',
                'duplicate_invoice',
                'unused_billed',
                'not_used',
                'unverifiable',
                'duplicate'
            )
        )
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), labels AS (
    SELECT
        *
    FROM staging.stg_labels
), label_statuses AS (
    SELECT
        *
    FROM staging.seed_label_statuses
), invoices AS (
    SELECT
        *
    FROM staging.stg_ext_carrier_invoice
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), positions AS (
    SELECT
        invoices.tracking_number,
        invoices.currency,
        invoices.charge,
        invoices.amount,
        COUNT(DISTINCT invoices.invoice_id) AS invoice_count,
        SUM(invoices.amount) AS total
    FROM invoices
    GROUP BY
        invoices.tracking_number,
        invoices.currency,
        invoices.charge,
        invoices.amount
), billed AS (
    SELECT
        positions.tracking_number,
        positions.currency,
        SUM(positions.total) AS amount,
        MAX(CASE WHEN positions.amount > 0 THEN positions.invoice_count ELSE 1 END) > 1 AS is_twice
    FROM positions
    GROUP BY
        positions.tracking_number,
        positions.currency
), billed_numbers AS (
    SELECT
        billed.tracking_number
    FROM billed
    GROUP BY
        billed.tracking_number
), presence AS (
    SELECT
        MAX(CASE WHEN extracts.is_present THEN 1 ELSE 0 END) = 1 AS is_present
    FROM extracts
    WHERE
        extracts.name = 'carrier_invoice'
), found AS (
    SELECT
        labels.return_id,
        labels.label_no,
        labels.tracking_number,
        labels.carrier,
        labels.label_status,
        labels.label_updated_at,
        CAST(labels.label_rate * @policy_label_rate_factor AS DECIMAL(18, 4)) AS label_rate
    FROM labels
    UNION ALL
    SELECT
        returns.return_id,
        1 AS label_no,
        returns.tracking_number,
        returns.carrier,
        returns.label_status,
        returns.label_updated_at,
        CAST(returns.label_rate * @policy_label_rate_factor AS DECIMAL(18, 4)) AS label_rate
    FROM returns
    LEFT JOIN labels
        ON labels.return_id = returns.return_id
    WHERE
        labels.return_id IS NULL
        AND (
            NOT returns.tracking_number IS NULL OR NOT returns.label_rate IS NULL
        )
), placed AS (
    SELECT
        found.*,
        returns.currency,
        returns.handling_fee,
        label_statuses.stage,
        COALESCE(currencies.minor_unit, 0.01) * @tolerance_minor_units AS tolerance,
        ROW_NUMBER() OVER (
            PARTITION BY COALESCE(found.tracking_number, found.return_id || ' ' || CAST(found.label_no AS TEXT))
            ORDER BY returns.created_at, found.return_id, found.label_no
        ) AS use_no,
        ROW_NUMBER() OVER (PARTITION BY found.return_id ORDER BY found.label_no) AS place
    FROM found
    INNER JOIN returns
        ON returns.return_id = found.return_id
    LEFT JOIN label_statuses
        ON label_statuses.label_status = found.label_status
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
), judged AS (
    SELECT
        placed.*,
        placed.stage BETWEEN 3 AND 5 AS is_used,
        CASE WHEN placed.use_no = 1 THEN billed.amount END AS invoice_amount,
        CASE
            WHEN placed.use_no > 1
            THEN 'duplicate'
            WHEN NOT COALESCE(presence.is_present, FALSE)
            THEN 'unverifiable'
            WHEN NOT billed_numbers.tracking_number IS NULL AND placed.stage <= 2
            THEN 'unused_billed'
            WHEN billed.amount IS NULL AND NOT billed_numbers.tracking_number IS NULL
            THEN 'unverifiable'
            WHEN NOT billed.amount IS NULL AND placed.label_rate IS NULL
            THEN 'unverifiable'
            WHEN NOT billed.amount IS NULL AND ABS(billed.amount - placed.label_rate) <= placed.tolerance
            THEN 'matched'
            WHEN billed.is_twice
            THEN 'duplicate_invoice'
            WHEN NOT billed.amount IS NULL
            THEN 'amount_break'
            WHEN placed.stage IS NULL OR placed.tracking_number IS NULL
            THEN 'unverifiable'
            WHEN NOT placed.stage BETWEEN 3 AND 5
            THEN 'not_used'
            WHEN placed.label_updated_at IS NULL
            OR placed.label_updated_at > CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_label_invoice_days * INTERVAL '1' DAY
            THEN 'timing'
            ELSE 'missing_invoice'
        END AS match_class
    FROM placed
    CROSS JOIN presence
    LEFT JOIN billed
        ON billed.tracking_number = placed.tracking_number AND billed.currency = placed.currency
    LEFT JOIN billed_numbers
        ON billed_numbers.tracking_number = placed.tracking_number
), final AS (
    SELECT
        CAST(judged.return_id AS TEXT) AS return_id,
        CAST(judged.label_no AS BIGINT) AS label_no,
        CAST(judged.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN judged.match_class IN ('amount_break', 'missing_invoice', 'duplicate_invoice', 'unused_billed')
            THEN 4
        END AS INT) AS severity,
        CAST(judged.tracking_number AS TEXT) AS tracking_number,
        CAST(judged.carrier AS TEXT) AS carrier,
        CAST(judged.label_status AS TEXT) AS label_status,
        CAST(judged.is_used AS BOOLEAN) AS is_used,
        CAST(judged.label_updated_at AS TIMESTAMPTZ) AS label_updated_at,
        CAST(judged.label_rate AS DECIMAL(18, 4)) AS amount,
        CAST(judged.currency AS TEXT) AS currency,
        CAST(judged.invoice_amount AS DECIMAL(18, 4)) AS invoice_amount,
        CAST(CASE WHEN judged.place = 1 THEN COALESCE(judged.handling_fee, 0) ELSE 0 END AS DECIMAL(18, 4)) AS handling_fee,
        CAST(COALESCE(judged.invoice_amount, CASE WHEN judged.is_used THEN judged.label_rate END) - CASE WHEN judged.place = 1 THEN COALESCE(judged.handling_fee, 0) ELSE 0 END AS DECIMAL(18, 4)) AS net_cost,
        CAST(CASE
            WHEN judged.match_class = 'timing'
            THEN 'timing'
            WHEN judged.match_class = 'duplicate_invoice'
            THEN 'connector_duplicate'
            WHEN judged.match_class IN ('amount_break', 'missing_invoice', 'unused_billed')
            THEN 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM judged
)
SELECT
    *
FROM final
