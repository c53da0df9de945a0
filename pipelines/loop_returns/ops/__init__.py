"""The action commands: plan, approve, apply, verdicts; confirming first, mirroring after.

published file + ledger -> plan -> approve -> ledger -> apply -> Loop -> ledger -> ops.* -> published file
"""
