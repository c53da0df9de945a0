MODEL (
    name staging.stg_returns,
    kind FULL,
    description 'One row per return, current version: Loop''s header, cleaned: UTC times, sentinels to null, exact decimals.',
    tags (
        per_return
    ),
    grain return_id,
    column_descriptions (
        return_id = 'Loop''s id of the return, shown to people as the RMA number',
        state = 'open, closed, cancelled, expired or review; others are reported by data_quality',
        outcome = 'What the customer gets, as Loop says',
        outcome_derived = 'What the amounts say the customer gets; null when all are zero',
        type = 'standard or warranty',
        order_id = 'Loop''s id of the order',
        order_name = 'Order name as the merchant formats it',
        provider_order_id = 'Shopify''s id of the order',
        order_number = 'Shopify''s counter of the order',
        provider_order_number = 'Shopify''s order number',
        origin_country = 'Country that the return comes from',
        origin_country_code = 'The same as a code',
        currency = 'Shop currency, ISO 4217',
        created_at = 'When it was made, UTC',
        updated_at = 'When Loop last changed it, UTC',
        edited_at = 'When it was edited in Loop, UTC; null when never',
        method_type = 'How the goods travel, from return_method: in_store, keep_item and others; null when Loop does not say',
        label_status = 'Where the parcel is by the carrier''s scans; null when there is no label',
        label_updated_at = 'Last change of the label, UTC',
        customer = 'HMAC of the customer''s e-mail, or null by the policy on personal data',
        multi_currency = 'True when the shopper paid in another currency',
        refund_before_inspection = 'Seen, not documented',
        was_processed = 'Seen, not documented: outcomes were carried out; lags the state by hours',
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
        gift_card_order_name = 'Name of the gift-card order',
        gift_card_order_id = 'Id of the gift-card order',
        carrier = 'Carrier of the label',
        tracking_number = 'Tracking number',
        destination_id = 'Loop''s id of the warehouse',
        package_reference = 'Reference on the package',
        label_rate = 'What the label cost; unit unclear',
        return_processed_at = 'Seen, not documented: when Loop carried out this part, UTC (return)',
        refund_processed_at = 'Seen, not documented: when Loop carried out this part, UTC (refund)',
        gift_card_processed_at = 'Seen, not documented: when Loop carried out this part, UTC (gift card)',
        exchange_processed_at = 'Seen, not documented: when Loop carried out this part, UTC (exchange)',
        shop_cash_processed_at = 'Seen, not documented: when Loop carried out this part, UTC (shop cash)',
        unknown_fields = 'Fields that nobody knows, as a JSON object; null when none',
        unfit_values = 'Values that did not fit their column, as a JSON object of column and text; null when none',
        fetched_at = 'When this row was read from Loop, UTC',
        api_version = 'API version that gave the row',
        load_id = 'Load that wrote the row'
    ),
    audits (not_null(columns := (
            return_id
        )), unique_values(columns := (
            return_id
    )))
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.returns
), final AS (
    SELECT
        CAST(@cleaned(rows_of.id) AS TEXT) AS return_id,
        CAST(LOWER(@cleaned(rows_of.state)) AS TEXT) AS state,
        CAST(@cleaned(rows_of.outcome) AS TEXT) AS outcome,
        CAST(CASE
            WHEN rows_of.upsell > 0
            THEN 'upsell'
            WHEN (
                rows_of.exchange_product_total > 0 OR rows_of.exchange_total > 0
            ) AND rows_of.refund > 0
            THEN 'exchange+refund'
            WHEN (
                rows_of.exchange_product_total > 0 OR rows_of.exchange_total > 0
            ) AND rows_of.gift_card > 0
            THEN 'exchange+credit'
            WHEN (
                rows_of.exchange_product_total > 0 OR rows_of.exchange_total > 0
            )
            THEN 'exchange'
            WHEN rows_of.gift_card > 0 AND rows_of.refund > 0
            THEN 'credit+refund'
            WHEN rows_of.gift_card > 0
            THEN 'credit'
            WHEN rows_of.refund > 0
            THEN 'refund'
        END AS TEXT) AS outcome_derived,
        CAST(@cleaned(rows_of.type) AS TEXT) AS type,
        CAST(@cleaned(rows_of.order_id) AS TEXT) AS order_id,
        CAST(@cleaned(rows_of.order_name) AS TEXT) AS order_name,
        CAST(@cleaned(rows_of.provider_order_id) AS TEXT) AS provider_order_id,
        CAST(@cleaned(rows_of.order_number) AS TEXT) AS order_number,
        CAST(@cleaned(rows_of.provider_order_number) AS TEXT) AS provider_order_number,
        CAST(@cleaned(rows_of.origin_country) AS TEXT) AS origin_country,
        CAST(@cleaned(rows_of.origin_country_code) AS TEXT) AS origin_country_code,
        CAST(@cleaned(rows_of.currency) AS TEXT) AS currency,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(rows_of.edited_at AS TIMESTAMPTZ) AS edited_at,
        CAST(LOWER(@cleaned(COALESCE(rows_of.return_method ->> '$.method_type', @json_scalar(rows_of.return_method)))) AS TEXT) AS method_type,
        CAST(LOWER(@cleaned(rows_of.label_status)) AS TEXT) AS label_status,
        CAST(rows_of.label_updated_at AS TIMESTAMPTZ) AS label_updated_at,
        CAST(@cleaned(rows_of.customer) AS TEXT) AS customer,
        CAST(rows_of.multi_currency AS BOOLEAN) AS multi_currency,
        CAST(rows_of.refund_before_inspection AS BOOLEAN) AS refund_before_inspection,
        CAST(rows_of.was_processed AS BOOLEAN) AS was_processed,
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
        CAST(@cleaned(rows_of.gift_card_order_name) AS TEXT) AS gift_card_order_name,
        CAST(@cleaned(rows_of.gift_card_order_id) AS TEXT) AS gift_card_order_id,
        CAST(@cleaned(rows_of.carrier) AS TEXT) AS carrier,
        CAST(@cleaned(rows_of.tracking_number) AS TEXT) AS tracking_number,
        CAST(@cleaned(rows_of.destination_id) AS TEXT) AS destination_id,
        CAST(@cleaned(rows_of.package_reference) AS TEXT) AS package_reference,
        CAST(rows_of.label_rate AS DECIMAL(18, 4)) AS label_rate,
        CAST(rows_of.outcomes_processed_at__return_processed AS TIMESTAMPTZ) AS return_processed_at,
        CAST(rows_of.outcomes_processed_at__refund_processed AS TIMESTAMPTZ) AS refund_processed_at,
        CAST(rows_of.outcomes_processed_at__gift_card_processed AS TIMESTAMPTZ) AS gift_card_processed_at,
        CAST(rows_of.outcomes_processed_at__exchange_processed AS TIMESTAMPTZ) AS exchange_processed_at,
        CAST(rows_of.outcomes_processed_at__shop_cash_processed AS TIMESTAMPTZ) AS shop_cash_processed_at,
        CAST(rows_of.unknown_fields AS TEXT) AS unknown_fields,
        CAST(rows_of.unfit_values AS TEXT) AS unfit_values,
        CAST(rows_of.fetched_at AS TIMESTAMPTZ) AS fetched_at,
        CAST(@cleaned(rows_of.api_version) AS TEXT) AS api_version,
        CAST(rows_of._dlt_load_id AS TEXT) AS load_id
    FROM rows_of
)
SELECT
    *
FROM final
