MODEL (
    name staging.stg_return_history,
    kind FULL,
    description 'One row per distinct observed version of a return: state, outcome, totals and label, and when it was seen.',
    tags (
        per_return
    ),
    grain (return_id, version_key),
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        version_key = 'Digest of the observed values: names one version of the return',
        state = 'open, closed, cancelled, expired or review; others are reported by data_quality',
        outcome = 'What the customer gets, as Loop says',
        currency = 'Shop currency, ISO 4217',
        label_status = 'Where the parcel is by the carrier''s scans; null when there is no label',
        return_product_total = 'Value of the returned lines before discount and tax',
        return_discount_total = 'Discount on the returned lines',
        return_tax_total = 'Tax on the returned lines',
        return_total = 'Value after discount and tax',
        return_credit_total = 'Part of the value used as credit',
        refund_shipping_total = 'Shipping inside the refund',
        refund_shipping_tax_total = 'Tax on that shipping',
        exchange_product_total = 'New items before discount and tax',
        exchange_discount_total = 'Discount on the new items',
        exchange_tax_total = 'Tax on the new items',
        exchange_total = 'New items after discount and tax',
        exchange_credit_total = 'Exchange value that the customer used',
        gift_card = 'Store credit promised',
        handling_fee = 'Fee kept by the merchant',
        refund = 'Cash promised to the original payment',
        upsell = 'Extra paid when the new items cost more',
        total = 'Loop''s total cost of the return; its meaning is unclear, do not use',
        updated_at = 'When Loop last changed it, UTC',
        observed_at = 'When this version was first seen, UTC',
        source = 'What showed it: list, asn or webhook',
        load_id = 'Load that wrote the row'
    ),
    audits (
        not_null(columns := (return_id, version_key)),
        unique_combination_of_columns(columns := (return_id, version_key))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.return_history
), final AS (
    SELECT
        CAST(rows_of.return_id AS TEXT) AS return_id,
        CAST(rows_of.version_key AS TEXT) AS version_key,
        CAST(@cleaned(rows_of.state) AS TEXT) AS state,
        CAST(@cleaned(rows_of.outcome) AS TEXT) AS outcome,
        CAST(@cleaned(rows_of.currency) AS TEXT) AS currency,
        CAST(@cleaned(rows_of.label_status) AS TEXT) AS label_status,
        CAST(rows_of.return_product_total AS DECIMAL(18, 4)) AS return_product_total,
        CAST(rows_of.return_discount_total AS DECIMAL(18, 4)) AS return_discount_total,
        CAST(rows_of.return_tax_total AS DECIMAL(18, 4)) AS return_tax_total,
        CAST(rows_of.return_total AS DECIMAL(18, 4)) AS return_total,
        CAST(rows_of.return_credit_total AS DECIMAL(18, 4)) AS return_credit_total,
        CAST(rows_of.refund_shipping_total AS DECIMAL(18, 4)) AS refund_shipping_total,
        CAST(rows_of.refund_shipping_tax_total AS DECIMAL(18, 4)) AS refund_shipping_tax_total,
        CAST(rows_of.exchange_product_total AS DECIMAL(18, 4)) AS exchange_product_total,
        CAST(rows_of.exchange_discount_total AS DECIMAL(18, 4)) AS exchange_discount_total,
        CAST(rows_of.exchange_tax_total AS DECIMAL(18, 4)) AS exchange_tax_total,
        CAST(rows_of.exchange_total AS DECIMAL(18, 4)) AS exchange_total,
        CAST(rows_of.exchange_credit_total AS DECIMAL(18, 4)) AS exchange_credit_total,
        CAST(rows_of.gift_card AS DECIMAL(18, 4)) AS gift_card,
        CAST(rows_of.handling_fee AS DECIMAL(18, 4)) AS handling_fee,
        CAST(rows_of.refund AS DECIMAL(18, 4)) AS refund,
        CAST(rows_of.upsell AS DECIMAL(18, 4)) AS upsell,
        CAST(rows_of.total AS DECIMAL(18, 4)) AS total,
        CAST(rows_of.updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(rows_of.observed_at AS TIMESTAMPTZ) AS observed_at,
        CAST(@cleaned(rows_of.source) AS TEXT) AS source,
        CAST(rows_of._dlt_load_id AS TEXT) AS load_id
    FROM rows_of
)
SELECT
    *
FROM final
