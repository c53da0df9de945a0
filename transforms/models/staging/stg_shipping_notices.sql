MODEL (
    name staging.stg_shipping_notices,
    kind FULL,
    description 'One row per line of the shipping-notice report, without the rows that a later complete pull no longer showed.',
    grain (asn_id, line_item_id),
    column_descriptions (
        asn_id = 'Id of the notice''s row; whether it is the return''s id is measured, not assumed',
        line_item_id = 'Loop''s id of the returned line',
        state = 'State of the return as the notice gives it',
        label_status = 'Where the parcel is by the carrier''s scans; null when there is no label',
        order_id = 'Loop''s id of the order',
        order_name = 'Order name as the merchant formats it',
        order_number = 'Shopify''s counter of the order',
        provider_order_number = 'Shopify''s order number',
        customer_email = 'HMAC of the customer''s e-mail, or null by the policy on personal data',
        title = 'Product title',
        sku = 'Stock keeping unit',
        barcode = 'Barcode',
        carrier = 'Carrier of the label',
        service = 'Carrier service',
        tracking_number = 'Tracking number',
        restock_status = 'Restock status',
        currency = 'Shop currency, ISO 4217',
        purchase_price = 'Price of the unit as the notice gives it',
        label_rate = 'What the label cost; unit unclear',
        label_updated_at = 'Last change of the label, UTC',
        closed_at = 'When the return was closed, UTC',
        updated_at = 'When Loop last changed it, UTC',
        created_at = 'When it was made, UTC',
        date_delivered = 'When the parcel was delivered, UTC',
        provider_created_at = 'When Shopify made it, UTC',
        return_reason = 'Reason',
        return_method = 'Return method',
        return_method_rma_code = 'Code of the return method',
        return_method_state = 'State of the return method',
        outcome = 'What the customer gets, as Loop says',
        scannable_id = 'Scannable id',
        package_reference = 'Reference on the package',
        shipping_box_barcode = 'Barcode of the box',
        destination_id = 'Loop''s id of the warehouse',
        destination_name = 'Warehouse',
        destination_address1 = 'Warehouse address',
        destination_address2 = 'Warehouse address',
        destination_city = 'Warehouse city',
        destination_state = 'Warehouse state',
        destination_zip = 'Warehouse postcode',
        consolidation_tracking = 'Tracking number of a consolidated box',
        unknown_fields = 'Fields that nobody knows, as a JSON object; null when none',
        unfit_values = 'Values that did not fit their column, as a JSON object of column and text; null when none',
        fetched_at = 'When this row was read from Loop, UTC',
        api_version = 'API version that gave the row',
        load_id = 'Load that wrote the row'
    ),
    audits (
        not_null(columns := (
            asn_id
        )),
        unique_combination_of_columns(columns := (asn_id, line_item_id))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM loop_raw.advanced_shipping_notices
), pull_windows AS (
    SELECT
        *
    FROM loop_raw.pull_windows
), complete_runs AS (
    SELECT
        pull_windows.run_id,
        MIN(pull_windows.window_from) AS first_instant,
        MAX(pull_windows.window_to) AS end_instant,
        MIN(pull_windows.started_at) AS started_at
    FROM pull_windows
    WHERE
        pull_windows.endpoint = 'advanced_shipping_notices'
    GROUP BY
        pull_windows.run_id
    HAVING
        MIN(CASE WHEN pull_windows.status = 'complete' THEN 1 ELSE 0 END) = 1
), withdrawn AS (
    SELECT
        rows_of.id,
        rows_of.return_line_item_id
    FROM rows_of
    INNER JOIN complete_runs
        ON complete_runs.started_at > rows_of.fetched_at
        AND complete_runs.first_instant <= rows_of.created_at
        AND complete_runs.end_instant > rows_of.created_at
    GROUP BY
        rows_of.id,
        rows_of.return_line_item_id
), final AS (
    SELECT
        CAST(@cleaned(rows_of.id) AS TEXT) AS asn_id,
        CAST(@cleaned(rows_of.return_line_item_id) AS TEXT) AS line_item_id,
        CAST(LOWER(@cleaned(rows_of.state)) AS TEXT) AS state,
        CAST(LOWER(@cleaned(rows_of.label_status)) AS TEXT) AS label_status,
        CAST(@cleaned(rows_of.order_id) AS TEXT) AS order_id,
        CAST(@cleaned(rows_of.order_name) AS TEXT) AS order_name,
        CAST(@cleaned(rows_of.order_number) AS TEXT) AS order_number,
        CAST(@cleaned(rows_of.provider_order_number) AS TEXT) AS provider_order_number,
        CAST(@cleaned(rows_of.customer_email) AS TEXT) AS customer_email,
        CAST(@cleaned(rows_of.title) AS TEXT) AS title,
        CAST(@cleaned(rows_of.sku) AS TEXT) AS sku,
        CAST(@cleaned(rows_of.barcode) AS TEXT) AS barcode,
        CAST(@cleaned(rows_of.carrier) AS TEXT) AS carrier,
        CAST(@cleaned(rows_of.service) AS TEXT) AS service,
        CAST(@cleaned(rows_of.tracking_number) AS TEXT) AS tracking_number,
        CAST(@cleaned(rows_of.restock_status) AS TEXT) AS restock_status,
        CAST(@cleaned(rows_of.currency) AS TEXT) AS currency,
        CAST(rows_of.purchase_price AS DECIMAL(18, 4)) AS purchase_price,
        CAST(rows_of.label_rate AS DECIMAL(18, 4)) AS label_rate,
        CAST(rows_of.label_updated_at AS TIMESTAMPTZ) AS label_updated_at,
        CAST(rows_of.closed_at AS TIMESTAMPTZ) AS closed_at,
        CAST(rows_of.updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.date_delivered AS TIMESTAMPTZ) AS date_delivered,
        CAST(rows_of.provider_created_at AS TIMESTAMPTZ) AS provider_created_at,
        CAST(@cleaned(rows_of.return_reason) AS TEXT) AS return_reason,
        CAST(@cleaned(rows_of.return_method) AS TEXT) AS return_method,
        CAST(@cleaned(rows_of.return_method_rma_code) AS TEXT) AS return_method_rma_code,
        CAST(@cleaned(rows_of.return_method_state) AS TEXT) AS return_method_state,
        CAST(@cleaned(rows_of.outcome) AS TEXT) AS outcome,
        CAST(@cleaned(rows_of.scannable_id) AS TEXT) AS scannable_id,
        CAST(@cleaned(rows_of.package_reference) AS TEXT) AS package_reference,
        CAST(@cleaned(rows_of.shipping_box_barcode) AS TEXT) AS shipping_box_barcode,
        CAST(@cleaned(rows_of.destination_id) AS TEXT) AS destination_id,
        CAST(@cleaned(rows_of.destination_name) AS TEXT) AS destination_name,
        CAST(@cleaned(rows_of.destination_address1) AS TEXT) AS destination_address1,
        CAST(@cleaned(rows_of.destination_address2) AS TEXT) AS destination_address2,
        CAST(@cleaned(rows_of.destination_city) AS TEXT) AS destination_city,
        CAST(@cleaned(rows_of.destination_state) AS TEXT) AS destination_state,
        CAST(@cleaned(rows_of.destination_zip) AS TEXT) AS destination_zip,
        CAST(@cleaned(rows_of.consolidation_tracking) AS TEXT) AS consolidation_tracking,
        CAST(rows_of.unknown_fields AS TEXT) AS unknown_fields,
        CAST(rows_of.unfit_values AS TEXT) AS unfit_values,
        CAST(rows_of.fetched_at AS TIMESTAMPTZ) AS fetched_at,
        CAST(@cleaned(rows_of.api_version) AS TEXT) AS api_version,
        CAST(rows_of._dlt_load_id AS TEXT) AS load_id
    FROM rows_of
    LEFT JOIN withdrawn
        ON withdrawn.id = rows_of.id AND withdrawn.return_line_item_id = rows_of.return_line_item_id
    WHERE
        withdrawn.id IS NULL
)
SELECT
    *
FROM final
