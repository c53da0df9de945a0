-- marts.explain(return_id): everything known about one return, in time order, from all sources.
-- A table macro that names no catalog: it works in the published file under any name (after `use`, when attached).
create or replace macro marts.explain(wanted_return) as table
with
this_return as (
    select * from staging.stg_returns where return_id = cast(wanted_return as text)
),
history as (
    select * from staging.stg_return_history where return_id = cast(wanted_return as text)
),
notices as (
    select notice.*
    from staging.stg_shipping_notices as notice
    inner join staging.stg_notice_returns as placed
        on placed.asn_id = notice.asn_id and placed.line_item_id = notice.line_item_id
    where placed.return_id = cast(wanted_return as text)
),
actions as (
    select * from ops.actions where return_id = cast(wanted_return as text)
),
happened as (
    select created_at as happened_at, 'list' as source, 'created' as event,
        'outcome ' || coalesce(outcome, 'not said') || ', order ' || coalesce(order_name, 'not said') as detail,
        return_total as amount, currency
    from this_return
    union all
    select edited_at, 'list', 'edited', 'in Loop', null, null from this_return
    union all
    select label_updated_at, 'list', 'label', coalesce(label_status, 'no label'), null, null from this_return
    union all
    select return_processed_at, 'list', 'processed', 'return', return_total, currency from this_return
    union all
    select refund_processed_at, 'list', 'processed', 'refund', refund, currency from this_return
    union all
    select gift_card_processed_at, 'list', 'processed', 'gift card', gift_card, currency from this_return
    union all
    select exchange_processed_at, 'list', 'processed', 'exchange', exchange_credit_total, currency
    from this_return
    union all
    select shop_cash_processed_at, 'list', 'processed', 'shop cash', null, null from this_return
    union all
    select coalesce(updated_at, observed_at), 'history', 'version',
        coalesce(state, 'no state') || ', ' || coalesce(outcome, 'no outcome')
        || ', label ' || coalesce(label_status, 'none')
        || ', refund ' || coalesce(cast(cast(refund as decimal(18, 2)) as text), '-')
        || ', gift card ' || coalesce(cast(cast(gift_card as decimal(18, 2)) as text), '-')
        || ', exchange ' || coalesce(cast(cast(exchange_credit_total as decimal(18, 2)) as text), '-')
        || '; first seen by ' || coalesce(source, 'list') || ' '
        || strftime(observed_at at time zone 'UTC', '%Y-%m-%d %H:%M'),
        return_total, currency
    from history
    union all
    select label_updated_at, 'labels', 'label ' || cast(label_no as text),
        coalesce(label_status, 'no status') || coalesce(', ' || carrier, '')
        || coalesce(', ' || tracking_number, ''), label_rate, null
    from staging.stg_labels where return_id = cast(wanted_return as text)
    union all
    select label_updated_at, source, 'label ' || cast(label_no as text),
        coalesce(label_status, 'no status') || coalesce(', ' || carrier, ''), label_rate, null
    from staging.stg_detail_labels where return_id = cast(wanted_return as text)
    union all
    select try_cast(inspected_at_text as timestamptz), 'list', 'graded',
        coalesce(condition_category, 'no grade') || ', line ' || coalesce(line_item_id, cast(line_no as text)),
        price, null
    from staging.stg_return_lines where return_id = cast(wanted_return as text)
    union all
    select created_at, 'asn', 'notice', cast(count(*) as text) || ' lines, state ' || coalesce(max(state), '-'),
        sum(purchase_price), max(currency)
    from notices group by created_at
    union all
    select label_updated_at, 'asn', 'label', label_status, null, null
    from notices group by label_updated_at, label_status
    union all
    select date_delivered, 'asn', 'delivered', cast(count(*) as text) || ' lines', null, null
    from notices group by date_delivered
    union all
    select closed_at, 'asn', 'closed', cast(count(*) as text) || ' lines', null, null
    from notices group by closed_at
    union all
    select received_at, 'webhook', coalesce(trigger_name, topic, subscription),
        'state ' || coalesce(state, 'not said')
        || case when delivery_count > 1 then ', came ' || cast(delivery_count as text) || ' times' else '' end,
        null, null
    from staging.stg_webhook_events where return_id = cast(wanted_return as text)
    union all
    select observed_at, source, 'refund ' || cast(refund_no as text),
        'seen, by ' || coalesce(gateway, 'no gateway') || coalesce(', Shopify ' || provider_refund_id, ''),
        amount, currency
    from staging.stg_detail_refunds where return_id = cast(wanted_return as text)
    union all
    select coalesce(provider_created_at, created_at), 'list', 'refund',
        'Shopify ' || coalesce(provider_refund_id, 'without an id'), null, null
    from staging.stg_shopify_refunds where return_id = cast(wanted_return as text)
    union all
    select received_at, 'receipts', 'received', cast(quantity as text) || ' x ' || coalesce(sku, barcode, '?')
        || coalesce(', ' || condition, ''), null, null
    from staging.stg_ext_receipts where loop_return_id = cast(wanted_return as text)
    union all
    select created_at, 'gift cards', 'issued', 'Shopify ' || gift_card_id, initial_value, currency
    from staging.stg_ext_shopify_gift_cards where loop_return_id = cast(wanted_return as text)
    union all
    select found_at, 'shopify orders', 'exchange', mode || ', ' || match_class
        || coalesce(', ' || exchange_order_name, ', Shopify return ' || shopify_return_id, ''), null, null
    from marts.recon_exchange where return_id = cast(wanted_return as text)
    union all
    select created_at, 'erp', 'authorisation', rma_id || coalesce(', ' || status, ''), amount, currency
    from staging.stg_ext_erp_rma where loop_return_id = cast(wanted_return as text)
    union all
    select received_at, 'erp', 'receipt', erp_receipt_id || coalesce(', ' || status, ''), null, null
    from staging.stg_ext_erp_receipt where loop_return_id = cast(wanted_return as text)
    union all
    select created_at, 'erp', 'credit memo', credit_memo_id || coalesce(', ' || status, ''), amount, currency
    from staging.stg_ext_erp_credit_memo where loop_return_id = cast(wanted_return as text)
    union all
    select first_seen_at, 'marts', 'break seen',
        recon || ': ' || break_type || ' (' || coalesce(left_ref, '-') || ' / ' || coalesce(right_ref, '-') || ')',
        amount, currency
    from marts.break_ledger where return_id = cast(wanted_return as text)
    union all
    select cleared_at, 'marts', 'break cleared or changed', recon || ': ' || break_type, amount, currency
    from marts.break_ledger where return_id = cast(wanted_return as text)
    union all
    select said_at, 'ops', case when until is null then 'acceptance ended' else 'break accepted' end,
        break_key || coalesce(' until ' || cast(until as text), '') || ': ' || reason || ' (' || said_by || ')',
        amount, currency
    from ops.accepted_breaks where return_id = cast(wanted_return as text)
    union all
    select requested_at, 'ops', 'asked: ' || action, reason || ' (' || requested_by || ', ' || status || ')',
        amount, currency
    from ops.flagged_items where return_id = cast(wanted_return as text)
    union all
    select decision.decided_at, 'ops', 'decided: ' || decision.decision,
        item.action || ', by ' || coalesce(decision.decided_by, 'nobody named') || coalesce(': ' || decision.note, ''),
        item.amount, item.currency
    from ops.decisions as decision
    inner join ops.flagged_items as item on item.flagged_item_id = decision.flagged_item_id
    where item.return_id = cast(wanted_return as text)
    union all
    select event.at, 'ops', 'action: ' || event.to_state,
        actions.action || coalesce(', by ' || event.actor, '') || coalesce(': ' || event.reason, ''),
        actions.amount, actions.currency
    from ops.action_events as event
    inner join actions on actions.action_key = event.action_key
)
select
    cast(wanted_return as text) as return_id,
    happened_at,
    source,
    event,
    detail,
    cast(amount as decimal(18, 4)) as amount,
    currency
from happened
where happened_at is not null
order by happened_at, source, event, detail
