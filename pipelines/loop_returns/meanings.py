"""What the classes of the marts mean, in words for people who do not read SQL."""

from __future__ import annotations

MEANING = {
    ("recon_endpoint", "missing_in_list"): "known to Loop, not in the list",
    ("recon_endpoint", "missing_in_asn"): "in the list, no shipping notice",
    ("recon_endpoint", "missing_in_webhook"): "in the list, no webhook told of it",
    ("recon_endpoint", "webhook_state_break"): "list and webhooks differ in state",
    ("recon_endpoint", "line_count_break"): "list and notices differ in lines",
    ("recon_endpoint", "state_break"): "list and notices differ in state",
    ("recon_endpoint", "label_break"): "list and notices differ in label",
    ("recon_endpoint", "asn_orphan"): "shipping notice of an unknown line",
    ("recon_money", "amount_break"): "its own amounts do not add up",
    ("recon_receipt", "paid_never_shipped"): "paid, parcel never scanned",
    ("recon_receipt", "bad_grade"): "graded bad, still open",
    ("recon_receipt", "delivered_open"): "delivered days ago, still open",
    ("recon_receipt", "stalled_in_transit"): "in transit, no scan for weeks",
    ("recon_receipt", "label_failure"): "label failed",
    ("recon_receipt", "label_only"): "label made, never used",
    ("recon_receipt", "received_on_dead_return"): "goods here of a dead return",
    ("recon_receipt", "unexpected_item"): "goods here that nobody expected",
    ("recon_receipt", "over_receipt"): "more units here than expected",
    ("recon_receipt", "short_receipt"): "fewer units here than expected",
    ("recon_receipt", "received_not_processed"): "all goods here, still open",
    ("recon_receipt", "delivered_not_received"): "delivered, never counted",
    ("recon_receipt", "restock_mismatch"): "counted, not restocked, or the reverse",
    ("recon_refund", "missing_in_shopify"): "refund never reached Shopify",
    ("recon_refund", "amount_break"): "refunded another amount",
    ("recon_refund", "paid_early"): "refunded, still open at Loop",
    ("recon_refund", "paid_on_dead_return"): "refunded, and the return is dead",
    ("recon_refund", "over_refund"): "more refunded than the order cost",
    ("recon_refund", "extra_in_shopify"): "refund that no return explains",
    ("recon_refund", "loop_header_vs_refunds"): "Loop's refund and its parts differ",
    ("recon_erp", "rma_missing"): "no authorisation in the ERP",
    ("recon_erp", "rma_duplicate"): "authorised twice in the ERP",
    ("recon_erp", "receipt_but_loop_open"): "received in the ERP, still open at Loop",
    ("recon_erp", "closed_no_receipt"): "closed, no item receipt in the ERP",
    ("recon_erp", "closed_no_credit_memo"): "closed, no credit memo in the ERP",
    ("recon_erp", "memo_amount_break"): "booked another amount in the ERP",
    ("recon_erp", "memo_on_cancelled"): "credit memo of a dead return",
    ("recon_erp", "upsell_no_deposit"): "upsell paid, no deposit in the ERP",
    ("fin_label_cost", "amount_break"): "label billed otherwise than said",
    ("fin_label_cost", "duplicate_invoice"): "label billed twice",
    ("fin_label_cost", "unused_billed"): "label billed, never used",
    ("fin_label_cost", "missing_invoice"): "label used, never billed",
    ("action_outcome", "unconfirmed"): "sent, and not seen to be done",
    ("action_outcome", "diverted"): "processed, and ended in review",
    ("action_outcome", "unknown"): "sent, and nobody can say what became of it",
    ("action_outcome", "processed_not_paid"): "processed, and never refunded in Shopify",
    ("action_outcome", "contradicted"): "done, and the return says otherwise",
}


def meaning(recon: str, break_type: str) -> str:
    """A class of a mart in plain words."""
    return MEANING.get((recon, break_type), f"{recon}: {break_type}")
