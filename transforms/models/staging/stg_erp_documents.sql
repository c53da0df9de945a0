MODEL (
    name staging.stg_erp_documents,
    kind FULL,
    description 'One row per document of the ERP and return that it is about: authorisations, item receipts, credit memos and deposits, placed at Loop''s returns.',
    grain (kind, document_id, return_id),
    column_descriptions (
        kind = 'rma: return authorisation; receipt: item receipt; memo: credit memo; deposit: money taken for an upsell',
        document_id = 'The ERP''s id of the document',
        return_id = 'Loop''s id of the return; null when none can be named',
        placed_by = 'id: the document names Loop''s return; rma: its authorisation does; order: the only return on its order that has the item; none',
        is_void = 'True when every line of it is void or cancelled: it does not count',
        units = 'Units of the lines that count; null when a line does not say how many',
        amount = 'Sum of the lines that count',
        currency = 'Currency of the lines that count, ISO 4217; XXX when there are several',
        booked_at = 'When the first line was booked, UTC'
    ),
    audits (
        not_null(columns := (kind, document_id, placed_by, is_void, booked_at)),
        unique_combination_of_columns(columns := (kind, document_id, return_id)),
        accepted_values("column" := kind, is_in := ('rma', 'receipt', 'memo', 'deposit'))
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), return_lines AS (
    SELECT
        *
    FROM staging.stg_return_lines
), rmas AS (
    SELECT
        *
    FROM staging.stg_ext_erp_rma
), receipts AS (
    SELECT
        *
    FROM staging.stg_ext_erp_receipt
), memos AS (
    SELECT
        *
    FROM staging.stg_ext_erp_credit_memo
), booked AS (
    SELECT
        'rma' AS kind,
        rmas.rma_id AS document_id,
        rmas.rma_id,
        rmas.loop_return_id,
        rmas.order_ref,
        rmas.sku,
        rmas.quantity,
        rmas.amount,
        rmas.currency,
        rmas.status,
        rmas.created_at AS booked_at
    FROM rmas
    UNION ALL
    SELECT
        'receipt' AS kind,
        receipts.erp_receipt_id AS document_id,
        receipts.rma_id,
        receipts.loop_return_id,
        receipts.order_ref,
        receipts.sku,
        receipts.quantity,
        CAST(NULL AS DECIMAL(18, 4)) AS amount,
        CAST(NULL AS TEXT) AS currency,
        receipts.status,
        receipts.received_at AS booked_at
    FROM receipts
    UNION ALL
    SELECT
        CASE memos.type WHEN 'custdep' THEN 'deposit' ELSE 'memo' END AS kind,
        memos.credit_memo_id AS document_id,
        memos.rma_id,
        memos.loop_return_id,
        memos.order_ref,
        memos.sku,
        memos.quantity,
        memos.amount,
        memos.currency,
        memos.status,
        memos.created_at AS booked_at
    FROM memos
    WHERE
        memos.type IN ('custcred', 'custdep')
), lines AS (
    SELECT
        booked.kind,
        booked.document_id,
        booked.rma_id,
        booked.loop_return_id,
        LOWER(LTRIM(booked.order_ref, '#')) AS order_ref,
        booked.sku,
        booked.booked_at,
        COALESCE(LOWER(booked.status) IN ('void', 'voided', 'cancelled', 'canceled'), FALSE) AS is_void,
        booked.quantity,
        booked.amount,
        booked.currency
    FROM booked
), order_items AS (
    SELECT
        LOWER(LTRIM(returns.order_name, '#')) AS order_ref,
        return_lines.sku,
        returns.return_id
    FROM returns
    INNER JOIN return_lines
        ON return_lines.return_id = returns.return_id
    WHERE
        NOT returns.order_name IS NULL AND NOT return_lines.sku IS NULL
    UNION ALL
    SELECT
        LOWER(LTRIM(returns.order_name, '#')) AS order_ref,
        '' AS sku,
        returns.return_id
    FROM returns
    WHERE
        NOT returns.order_name IS NULL
), only_returns AS (
    /* The last resort: an order, or an item of it, with a single return. */
    SELECT
        order_items.order_ref,
        order_items.sku,
        MIN(order_items.return_id) AS return_id
    FROM order_items
    GROUP BY
        order_items.order_ref,
        order_items.sku
    HAVING
        MIN(order_items.return_id) = MAX(order_items.return_id)
), named AS (
    SELECT
        lines.*,
        returns.return_id AS named_id,
        CASE WHEN lines.loop_return_id IS NULL THEN only_returns.return_id END AS order_id
    FROM lines
    LEFT JOIN returns
        ON returns.return_id = lines.loop_return_id
    LEFT JOIN only_returns
        ON only_returns.order_ref = lines.order_ref AND only_returns.sku = COALESCE(lines.sku, '')
), authorised AS (
    SELECT
        named.rma_id,
        MIN(COALESCE(named.named_id, named.order_id)) AS return_id
    FROM named
    WHERE
        named.kind = 'rma'
    GROUP BY
        named.rma_id
    HAVING
        MIN(COALESCE(named.named_id, named.order_id)) = MAX(COALESCE(named.named_id, named.order_id))
), placed AS (
    SELECT
        named.*,
        COALESCE(named.named_id, CASE WHEN named.loop_return_id IS NULL THEN authorised.return_id END, named.order_id) AS return_id,
        CASE
            WHEN NOT named.named_id IS NULL
            THEN 'id'
            WHEN NOT named.loop_return_id IS NULL
            THEN 'none'
            WHEN named.kind <> 'rma' AND NOT authorised.return_id IS NULL
            THEN 'rma'
            WHEN NOT COALESCE(authorised.return_id, named.order_id) IS NULL
            THEN 'order'
            ELSE 'none'
        END AS placed_by
    FROM named
    LEFT JOIN authorised
        ON authorised.rma_id = named.rma_id
), documents AS (
    SELECT
        placed.kind,
        placed.document_id,
        placed.return_id,
        MIN(placed.placed_by) AS placed_by,
        MIN(CASE WHEN placed.is_void THEN 1 ELSE 0 END) = 1 AS is_void,
        COUNT(CASE WHEN NOT placed.is_void AND placed.quantity IS NULL THEN 1 END) AS unknown_lines,
        SUM(CASE WHEN NOT placed.is_void THEN placed.quantity END) AS units,
        SUM(CASE WHEN NOT placed.is_void THEN placed.amount END) AS amount,
        MIN(CASE WHEN NOT placed.is_void THEN placed.currency END) AS first_currency,
        MAX(CASE WHEN NOT placed.is_void THEN placed.currency END) AS last_currency,
        MIN(placed.booked_at) AS booked_at
    FROM placed
    GROUP BY
        placed.kind,
        placed.document_id,
        placed.return_id
), final AS (
    SELECT
        CAST(documents.kind AS TEXT) AS kind,
        CAST(documents.document_id AS TEXT) AS document_id,
        CAST(documents.return_id AS TEXT) AS return_id,
        CAST(documents.placed_by AS TEXT) AS placed_by,
        CAST(documents.is_void AS BOOLEAN) AS is_void,
        CAST(CASE WHEN documents.unknown_lines = 0 THEN documents.units END AS BIGINT) AS units,
        CAST(documents.amount AS DECIMAL(18, 4)) AS amount,
        CAST(CASE
            WHEN documents.first_currency = documents.last_currency
            THEN documents.first_currency
            WHEN NOT documents.first_currency IS NULL
            THEN 'XXX'
        END AS TEXT) AS currency,
        CAST(documents.booked_at AS TIMESTAMPTZ) AS booked_at
    FROM documents
)
SELECT
    *
FROM final
