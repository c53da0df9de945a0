"""Acting on Loop: plan, ledger, one POST, reading back. Nothing here repeats a request."""
