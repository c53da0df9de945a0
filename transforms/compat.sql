-- Table and column names that people know from other feeds of Loop, so that their SQL need not be rewritten.
-- Views that name no catalog: they work in the published file under any name.
create schema if not exists compat;

create or replace view compat.return_list as
select return_id as id, * exclude (return_id, unknown_fields, unfit_values, fetched_at, api_version, load_id)
from staging.stg_returns;
comment on view compat.return_list is 'One row per return, with the names of a common connector: staging.stg_returns, whose return_id is called id';

create or replace view compat.return_list_line_item as
select return_id as return_list_id, * exclude (return_id, unknown_fields, unfit_values, load_id)
from staging.stg_return_lines;
comment on view compat.return_list_line_item is 'One row per returned unit, with the names of a common connector: staging.stg_return_lines';

create or replace view compat.return_list_exchange as
select return_id as return_list_id, * exclude (return_id, unknown_fields, unfit_values, load_id)
from staging.stg_exchanges;
comment on view compat.return_list_exchange is 'One row per new item of an exchange, with the names of a common connector: staging.stg_exchanges';

create or replace view compat.advanced_shipping_notice as
select asn_id as id, line_item_id as return_line_item_id,
    * exclude (asn_id, line_item_id, unknown_fields, unfit_values, fetched_at, api_version, load_id)
from staging.stg_shipping_notices;
comment on view compat.advanced_shipping_notice is 'One row per line of the shipping-notice report, with the names of a common connector: staging.stg_shipping_notices';

create or replace view compat.returns as
with
line_items as (
    select return_id, list({
        'line_item_id': line_item_id, 'provider_line_item_id': provider_line_item_id, 'product_id': product_id,
        'variant_id': variant_id, 'sku': sku, 'title': title, 'price': price, 'discount': discount, 'tax': tax,
        'refund': refund, 'returned_at': returned_at, 'exchange_variant': exchange_variant,
        'return_reason': return_reason, 'parent_return_reason': parent_return_reason
    } order by line_no) as line_items
    from staging.stg_return_lines
    group by return_id
),
exchanges as (
    select return_id, list({
        'exchange_id': exchange_id, 'product_id': product_id, 'variant_id': variant_id, 'sku': sku,
        'title': title, 'price': price, 'discount': discount, 'tax': tax, 'total': total
    } order by exchange_no) as exchanges
    from staging.stg_exchanges
    group by return_id
)
select row.id, row.state, row.created_at, row.order_id, row.order_name, row.provider_order_id, row.order_number,
    row.customer, row.currency, row.return_product_total, row.return_discount_total, row.return_tax_total,
    row.return_total, row.return_credit_total, row.exchange_product_total, row.exchange_discount_total,
    row.exchange_tax_total, row.exchange_total, row.exchange_credit_total, row.gift_card, row.handling_fee,
    row.refund, row.upsell, coalesce(line_items.line_items, []) as line_items,
    coalesce(exchanges.exchanges, []) as exchanges, row.carrier, row.tracking_number, row.label_status,
    row.label_updated_at
from compat.return_list as row
left join line_items on line_items.return_id = row.id
left join exchanges on exchanges.return_id = row.id;
comment on view compat.returns is 'One row per return with its line_items and exchanges as lists, as the Singer tap for Loop writes it';
