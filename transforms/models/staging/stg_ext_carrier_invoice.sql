MODEL (
    name staging.stg_ext_carrier_invoice,
    kind FULL,
    description 'One row per position of a carrier''s invoice.',
    grain (invoice_id, tracking_number, charge),
    column_descriptions (
        invoice_id = 'The carrier''s id of the invoice',
        tracking_number = 'Tracking number',
        charge = 'What is charged: freight, fuel, correction; empty when there is one',
        amount = 'Amount; a credit is negative',
        currency = 'Currency of the amounts, ISO 4217',
        billed_at = 'When it was billed',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (tracking_number, amount, currency, billed_at)),
        unique_combination_of_columns(columns := (read_from, read_row))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.carrier_invoice
), final AS (
    SELECT
        CAST(rows_of.invoice_id AS TEXT) AS invoice_id,
        CAST(rows_of.tracking_number AS TEXT) AS tracking_number,
        CAST(rows_of.charge AS TEXT) AS charge,
        CAST(rows_of.amount AS DECIMAL(18, 4)) AS amount,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(rows_of.billed_at AS TIMESTAMPTZ) AS billed_at,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
