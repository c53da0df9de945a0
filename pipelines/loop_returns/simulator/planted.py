"""The discrepancies that a world carries on purpose, by the class that a mart must give them.

A role is a key "<mart>.<class>", what the return must be like, the life it has had, and how the API
misreports it. A return has at most one role, so each class can be tested alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from loop_returns.simulator import life
from loop_returns.simulator.birth import ANY, Wish
from loop_returns.simulator.catalogue import BAD_GRADES
from loop_returns.simulator.life import DAY, HOUR, Step
from loop_returns.simulator.money import settle, text
from loop_returns.simulator.truth import Return

Steps = Callable[[random.Random, int], tuple[int, list[Step]]]
"""(chance, how many of this role came before) -> age in seconds, steps."""
Patch = Callable[[random.Random, Return, int], None]

LATE_NOTICE = timedelta(hours=20)
"""How long a shipping notice may take to appear; the marts allow 24 hours."""
CASH = Wish(outcomes=("refund", "credit", "credit+refund"), currencies=("USD", "EUR"))
SWAP = Wish(outcomes=("exchange", "exchange+credit"), currencies=("USD", "EUR"))


@dataclass(frozen=True, slots=True)
class Role:
    """One planted class."""

    steps: Steps
    patch: Patch
    wish: Wish = ANY


def _nothing(rng: random.Random, owner: Return, count: int) -> None:
    """The life itself is the discrepancy."""


def _settled(rng: random.Random, count: int) -> tuple[int, list[Step]]:
    """Closed, delivered, and quiet for three days."""
    steps = life.healthy(rng, pays_on_delivery=True, has_review=False)
    return steps[-1].after + 3 * DAY + int(rng.random() * 30 * DAY), steps


def _settled_or_open(rng: random.Random, count: int) -> tuple[int, list[Step]]:
    """Every third is still open, and will live on."""
    if count % 3 != 2:
        return _settled(rng, count)
    steps = life.healthy(rng, pays_on_delivery=True, has_review=False)
    return life.age_for(rng, "open", steps, 30), steps


def _young(rng: random.Random, count: int) -> tuple[int, list[Step]]:
    return life.between(rng, 1, 14), life.healthy(rng, pays_on_delivery=True, has_review=False)


def _past(*days: tuple[float, str, str]) -> Steps:
    """A life told backwards: (days before the present, kind, value), the first being the label."""

    def steps(rng: random.Random, count: int) -> tuple[int, list[Step]]:
        age = int(days[0][0] * DAY)
        told = []
        for ago, kind, values in days:
            choices = values.split("|")
            value = choices[count % len(choices)]
            told.append(Step(age - int(ago * DAY), "state" if kind == "state" else "label", value))
        return age + int(rng.random() * 1.5 * DAY), told

    return steps


def _label_only(rng: random.Random, count: int) -> tuple[int, list[Step]]:
    age, steps = _past((16, "label", "new"))(rng, count)
    if count % 2:
        steps.append(Step(30 * HOUR, "label", "pre_transit"))
    return age, [*steps, Step(life.EXPIRES, "state", "expired")]


def _delivered(rng: random.Random, count: int) -> tuple[int, list[Step]]:
    """Delivered and left open; every third is closed within the next day."""
    told = _past((20, "label", "new"), (15, "label", "in_transit"), (9, "label", "delivered"))
    age, steps = told(rng, count)
    if count % 3 == 2:
        steps.append(Step(age + DAY // 2, "state", "closed"))
    return age, steps


def _fails_soon(rng: random.Random, count: int) -> tuple[int, list[Step]]:
    """A healthy label that fails within the next day."""
    age, steps = _past((5, "label", "new"))(rng, count)
    return age, [*steps, Step(age + DAY // 2, "label", ("failure", "error")[count % 2])]


def _keep(rng: random.Random, count: int) -> tuple[int, list[Step]]:
    if count % 3 == 2:
        return life.between(rng, 2, 40), []
    return life.between(rng, 30, 24 * 40), [Step(life.between(rng, 0.1, 20), "state", "closed")]


def _late_notice(rng: random.Random, owner: Return, count: int) -> None:
    owner.asn_from = owner.created_at + LATE_NOTICE


def _hidden(rng: random.Random, owner: Return, count: int) -> None:
    owner.is_listed = False


def _no_notice(rng: random.Random, owner: Return, count: int) -> None:
    owner.asn_from = None


def _short_notice(rng: random.Random, owner: Return, count: int) -> None:
    owner.asn_skips = 1


def _orphan(rng: random.Random, owner: Return, count: int) -> None:
    owner.asn_orphan = 900_000_000 + owner.id


def _notice_says(**values: str | None) -> Patch:
    def patch(rng: random.Random, owner: Return, count: int) -> None:
        owner.asn_patch.update(values)

    return patch


def _row_says(*choices: dict[str, str]) -> Patch:
    """Both endpoints tell the same odd value where both know the field."""

    def patch(rng: random.Random, owner: Return, count: int) -> None:
        says = choices[count % len(choices)]
        owner.row_patch.update(says)
        owner.asn_patch.update({key: says[key] for key in ("outcome", "currency") if key in says})

    return patch


def _off_by(rng: random.Random, amount: int) -> int:
    """A wrong amount, 0.50 to 20.00 away, never below zero."""
    off = rng.randrange(50, 2_001)
    return amount - off if amount > 2_500 and rng.random() < 0.5 else amount + off


def _wrong_return_total(rng: random.Random, owner: Return, count: int) -> None:
    owner.row_patch["return_total"] = text(_off_by(rng, owner.money.total), owner.digits)


def _wrong_exchange_total(rng: random.Random, owner: Return, count: int) -> None:
    owner.row_patch["exchange_total"] = text(_off_by(rng, owner.money.exchange_credit), owner.digits)


def _wrong_line(rng: random.Random, owner: Return, count: int) -> None:
    line = owner.lines[0]
    line.patch["refund_item"] = text(line.refund_item + rng.randrange(50, 2_001), owner.digits)


def _graded_badly(rng: random.Random, owner: Return, count: int) -> None:
    owner.lines[0].grade = BAD_GRADES[count % len(BAD_GRADES)]


def _new_fields(rng: random.Random, owner: Return, count: int) -> None:
    owner.row_patch["loyalty_tier"] = ("gold", "silver")[count % 2]
    owner.lines[0].patch["loyalty_points"] = 10 + count


def _same_line_twice(rng: random.Random, owner: Return, count: int) -> None:
    owner.lines[1].line_item_id = owner.lines[0].line_item_id


def _negative_refund(rng: random.Random, owner: Return, count: int) -> None:
    settle(owner, rng, short=rng.randrange(50, 900))


def _label_next_year(rng: random.Random, owner: Return, count: int) -> None:
    owner.label_updated_at = (owner.label_updated_at or owner.created_at) + timedelta(days=400)


KEPT = Wish(method="keep_item")
IN_STORE = Wish(method="in_store")
ODD_TOTALS = ({"total": "about ten"}, {"edited_at": "yesterday"}, {"total": "a lot", "edited_at": "soon"})
_STALLED = _past((25, "label", "new"), (18, "label", "in_transit|out_for_delivery"))
_FAILED = _past((9, "label", "new"), (4, "label", "failure|error"))
_UNSENT = _past((30, "label", "new|pre_transit"), (28, "state", "closed"))
_BAD = _past((10, "label", "new"), (6, "label", "in_transit"), (0.5, "label", "delivered"))
_FROZEN = _past(
    (12, "label", "new"), (8, "label", "in_transit"), (5, "label", "delivered"), (4, "state", "frozen")
)
_CUSTOMS = _past((40, "label", "new"), (30, "label", "customs_hold"), (12, "state", "expired"))

ROLES: dict[str, Role] = {
    "recon_endpoint.missing_in_list": Role(_settled, _hidden),
    "recon_endpoint.missing_in_asn": Role(_settled, _no_notice),
    "recon_endpoint.timing": Role(_young, _late_notice),
    "recon_endpoint.line_count_break": Role(_settled, _short_notice, Wish(least_lines=2)),
    "recon_endpoint.state_break": Role(_settled, _notice_says(state="open", closed_at=None)),
    "recon_endpoint.label_break": Role(
        _settled, _notice_says(label_status="in_transit", date_delivered=None)
    ),
    "recon_endpoint.asn_orphan": Role(_settled, _orphan),
    "recon_endpoint.not_comparable": Role(_keep, _nothing, KEPT),
    "recon_endpoint.not_comparable+": Role(_keep, _nothing, IN_STORE),
    "recon_money.amount_break.C1": Role(_settled_or_open, _wrong_return_total, CASH),
    "recon_money.amount_break.C2": Role(_settled_or_open, _wrong_exchange_total, SWAP),
    "recon_money.amount_break.C3": Role(_settled_or_open, _wrong_line, CASH),
    "recon_receipt.paid_never_shipped": Role(_UNSENT, _nothing, CASH),
    "recon_receipt.bad_grade": Role(_BAD, _graded_badly),
    "recon_receipt.delivered_open": Role(_delivered, _nothing),
    "recon_receipt.stalled_in_transit": Role(_STALLED, _nothing),
    "recon_receipt.label_failure": Role(_FAILED, _nothing),
    "recon_receipt.label_failure+": Role(_fails_soon, _nothing),
    "recon_receipt.label_only": Role(_label_only, _nothing),
    "data_quality.unknown_state": Role(_FROZEN, _nothing),
    "data_quality.unknown_label_status": Role(_CUSTOMS, _nothing),
    "data_quality.unknown_field": Role(_settled, _new_fields),
    "data_quality.unfit_value": Role(_settled, _row_says(*ODD_TOTALS)),
    "data_quality.duplicate_line_item_id": Role(
        _keep, _same_line_twice, Wish(method="keep_item", least_lines=3)
    ),
    "data_quality.negative_amount": Role(
        _settled, _negative_refund, Wish(outcomes=("exchange",), currencies=("USD", "EUR"))
    ),
    "data_quality.future_date": Role(_settled, _label_next_year),
    "data_quality.unknown_currency": Role(
        _settled, _row_says({"currency": "XXZ"}), Wish(currencies=("USD",))
    ),
    "data_quality.outcome_disagrees": Role(
        _settled, _row_says({"outcome": "refund"}), Wish(outcomes=("exchange",))
    ),
}


def keys_of(owner: Return, end: datetime) -> list[tuple[str, str]]:
    """(class, id) of what this return shows at `end`; the id is the line's for an orphan notice."""
    if not owner.role:
        return []
    key = owner.role.rstrip("+")
    if key == "recon_endpoint.timing":
        return [(key, str(owner.id))] if owner.asn_from and owner.asn_from > end else []
    if key in ("recon_receipt.label_only", "recon_receipt.delivered_open") and owner.state != "open":
        return []
    if key == "recon_receipt.label_failure" and owner.label_status not in ("failure", "error"):
        return []
    if key == "recon_endpoint.asn_orphan":
        return [(key, str(owner.asn_orphan))]
    if key != "recon_endpoint.not_comparable" and not owner.has_parcel:
        return [(key, str(owner.id)), ("recon_endpoint.not_comparable", str(owner.id))]
    return [(key, str(owner.id))]
