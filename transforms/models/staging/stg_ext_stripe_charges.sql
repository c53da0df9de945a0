MODEL (
    name staging.stg_ext_stripe_charges,
    kind FULL,
    description 'One row per charge at Stripe.',
    grain charge_id,
    column_descriptions (
        charge_id = 'Stripe''s id of the charge',
        created_at = 'When it was made',
        amount = 'Amount, in the currency''s main unit: 12.50, not 1250',
        currency = 'Currency of the amounts, ISO 4217',
        status = 'succeeded, pending or failed; others count as failed',
        fee = 'Stripe''s fee',
        amount_refunded = 'What was paid back of it',
        order_name = 'Order name, if your export has it in a column of its own',
        named_order = 'Order that column, metadata or description name',
        loop_return_id = 'Loop''s id of the return, out of the metadata',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (charge_id, created_at, amount, currency, status)),
        unique_values(columns := (
            charge_id
        ))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.stripe_charges
), final AS (
    SELECT
        CAST(rows_of.charge_id AS TEXT) AS charge_id,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.amount AS DECIMAL(18, 4)) AS amount,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(LOWER(rows_of.status) AS TEXT) AS status,
        CAST(rows_of.fee AS DECIMAL(18, 4)) AS fee,
        CAST(rows_of.amount_refunded AS DECIMAL(18, 4)) AS amount_refunded,
        CAST(rows_of.order_name AS TEXT) AS order_name,
        CAST(rows_of.named_order AS TEXT) AS named_order,
        CAST(rows_of.loop_return_id AS TEXT) AS loop_return_id,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
