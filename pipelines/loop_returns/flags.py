"""Keep the rules' requests current: what a rule that is on picks becomes a row of `ops.flagged_items`.

    marts.flag_candidates (mode on, not exempt) -> propose() -> ops.flagged_items -> plan, approve, apply

One row per rule and return, named by both; rows by hand have other names and are never touched. Plain SQL,
after the build and before the publish, by the one writer. The same picks twice change nothing.

    no row     --picked--> open               open      --other facts--> open, asked anew
    open       --no longer picked--> cleared  cleared   --picked--> open, asked anew
    open       --rejected by a person--> withdrawn  --other facts--> open, asked anew
    open       --its action is confirmed--> done    --other facts--> open, asked anew
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.place import Connection, Place

_RELEASED = """
    create or replace temp table released as
    select evidence_hash from ops.decisions where evidence_hash is not null
    qualify decision = 'reject' and row_number() over (
        partition by evidence_hash order by decided_at desc, decision desc) = 1
"""
_WANTED = """
    create or replace temp table wanted as
    select rule_id || ':' || return_id as flagged_item_id, return_id, action, reason, rule_id,
        'rule ' || rule_id as requested_by, amount_at_stake as amount, currency,
        expect_state as expected_state, expect_outcome as expected_outcome, evidence, evidence_hash
    from marts.flag_candidates
    where mode = 'on' and not is_exempt and action <> 'none'
        and evidence_hash not in (select evidence_hash from released)
"""
_OWN = "item.rule_id is not null and item.flagged_item_id = item.rule_id || ':' || item.return_id"
_DONE = f"""
    update ops.flagged_items as item set status = 'done'
    where {_OWN} and item.status in ('open', 'cleared') and exists (
        select 1 from ops.actions as done
        where done.flagged_item_id = item.flagged_item_id and done.state in ('CONFIRMED', 'ALREADY')
            and done.updated_at >= item.requested_at)
"""
_WITHDRAWN = f"""
    update ops.flagged_items as item set status = 'withdrawn'
    where {_OWN} and item.status = 'open' and item.evidence_hash in (select evidence_hash from released)
"""
_CLEARED = f"""
    update ops.flagged_items as item set status = 'cleared'
    where {_OWN} and item.status = 'open'
        and item.flagged_item_id not in (select flagged_item_id from wanted)
"""
_FACTS = ("action", "reason", "amount", "currency", "expected_state", "expected_outcome", "evidence_hash")
_CHANGED = f"""
    update ops.flagged_items as item
    set {", ".join(f"{name} = wanted.{name}" for name in _FACTS)}, evidence = wanted.evidence::json,
        requested_at = $as_of, valid_until = null, status = 'open'
    from wanted
    where {_OWN} and wanted.flagged_item_id = item.flagged_item_id
        and (item.status = 'cleared' or item.evidence_hash is distinct from wanted.evidence_hash)
"""
_NEW = f"""
    insert into ops.flagged_items (flagged_item_id, return_id, rule_id, requested_by, requested_at, evidence,
        {", ".join(_FACTS)})
    select flagged_item_id, return_id, rule_id, requested_by, $as_of, evidence::json, {", ".join(_FACTS)}
    from wanted where flagged_item_id not in (select flagged_item_id from ops.flagged_items)
    order by flagged_item_id
"""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What became of the rules' requests, in rows.

    Attributes:
        blocked: Checks that say `block`; when there is one, nothing was changed.
    """

    new: int = 0
    changed: int = 0
    cleared: int = 0
    withdrawn: int = 0
    done: int = 0
    blocked: tuple[str, ...] = ()


def propose(place: Place, as_of: datetime, blocking_checks: Sequence[str] = ()) -> Proposed:
    """Bring the rules' rows of `ops.flagged_items` up to `marts.flag_candidates`, in one transaction.

    Args:
        place: Where built tables are; the caller is the one writer.
        as_of: When what is new or has new facts counts as asked for: an approval from before does not count.
        blocking_checks: Checks of marts.data_quality; when one says `block`, nothing changes.
    """
    with place.opened() as database:
        return propose_in(database, as_of, blocking_checks)


def propose_in(database: Connection, as_of: datetime, blocking_checks: Sequence[str] = ()) -> Proposed:
    """As `propose`, on an open connection."""
    ops_tables.ensure(database)
    found = database.execute(
        "select distinct check_id from marts.data_quality where result = 'block' order by 1"
    )
    if blocked := tuple(row[0] for row in found.fetchall() if row[0] in blocking_checks):
        return Proposed(blocked=blocked)
    database.begin()
    try:
        done = _count(database, _DONE)
        database.execute(_RELEASED)
        database.execute(_WANTED)
        withdrawn, cleared = _count(database, _WITHDRAWN), _count(database, _CLEARED)
        changed, new = _count(database, _CHANGED, as_of), _count(database, _NEW, as_of)
    except BaseException:
        database.rollback()
        raise
    database.commit()
    return Proposed(new, changed, cleared, withdrawn, done)


def _count(database: Connection, sql: str, as_of: datetime | None = None) -> int:
    row = database.execute(sql, {"as_of": as_of} if as_of else None).fetchone()
    return int(row[0]) if row else 0
