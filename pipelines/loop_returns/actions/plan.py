"""The plan: which requests would be carried out, what is held back and by which guard, and its digest.

requests + returns as the tables have them + ledger + limits -> make_plan() -> Plan -> the ledger, a digest

Pure: the same input gives the same plan. Source: actions.md, sections 3.1 and 3.6; marts.md, section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from loop_returns.actions import guards, readback
from loop_returns.actions.guards import Facts
from loop_returns.actions.ledger import Used
from loop_returns.actions.limits import Limits
from loop_returns.actions.records import Action, Decision, Request, Row, action_key, digest_of, plain, stamp
from loop_returns.actions.requests import Held
from loop_returns.actions.states import KINDS, LIVE, UNSENT, State
from loop_returns.errors import UsageError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Known:
    """A return as the tables have it.

    Attributes:
        seen: Its fingerprint.
        money: What `process` would pay by Loop's own amounts.
        label_status: Of its parcel.
    """

    seen: Mapping[str, Any]
    money: Decimal = Decimal(0)
    label_status: str | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a plan depends on.

    Attributes:
        returns: By id; one that is missing is not loaded.
        by_key, by_return: The ledger's actions; of a return, only live ones.
        blocked: Why nothing at all may be sent now; the plan is made nevertheless.
    """

    requests: Sequence[Request | Held]
    returns: Mapping[str, Known]
    actions: Sequence[Action]
    decisions: Sequence[Decision]
    used: Used
    limits: Limits
    facts: Facts
    shop: str
    now: Any
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done; `digest` names it, and an approval names the digest."""

    rows: tuple[Row, ...]
    keys: tuple[str, ...]
    held: tuple[Held, ...]
    done: int
    settings_digest: str
    blocked: str | None = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        canonical = [row.canonical for row in self.rows]
        object.__setattr__(self, "digest", digest_of([FORMAT, self.settings_digest, self.keys, canonical]))

    @property
    def sums(self) -> dict[str, Decimal]:
        """Money that would move, per currency: that of `process`."""
        sums: dict[str, Decimal] = {}
        for row in self.rows:
            request = row.request
            if request.action == "process" and request.amount is not None and request.currency:
                sums[request.currency] = sums.get(request.currency, Decimal(0)) + request.amount
        return sums

    def to_json(self) -> dict[str, Any]:
        """What the ledger keeps, and `--json` prints."""
        rows = [{"action_key": key, **row.canonical} for key, row in zip(self.keys, self.rows, strict=True)]
        held = [asdict(one) for one in self.held]
        return {
            "digest": self.digest,
            "rows": rows,
            "held": held,
            "sums": {currency: plain(amount) for currency, amount in self.sums.items()},
            "done": self.done,
            "blocked": self.blocked,
            "settings": self.settings_digest,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Plan:
        """Back from what was kept.

        Raises:
            UsageError: It is not one, or was changed since it was written.
        """
        try:
            rows = [{k: v for k, v in row.items() if k != "action_key"} for row in found["rows"]]
            keys = tuple(str(row["action_key"]) for row in found["rows"])
            plan = cls(tuple(map(Row.of, rows)), keys, (), found["done"], found["settings"])
            digest = found["digest"]
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise UsageError("this is no plan", hint="loop-returns plan") from error
        if plan.digest != digest:
            raise UsageError("the digest does not match the plan: it was changed", hint="loop-returns plan")
        return plan


def make_plan(inputs: Inputs) -> Plan:
    """Sort the requests into what would be done and what is held back."""
    planner = _Planner(inputs)
    order = sorted(
        (each for each in inputs.requests if isinstance(each, Request)),
        key=lambda each: (KINDS.index(each.action), stamp(each.requested_at), each.flagged_item_id),
    )
    for request in order:
        planner.consider(request)
    bad = [each for each in inputs.requests if isinstance(each, Held)]
    return Plan(
        tuple(planner.rows),
        tuple(planner.keys),
        (*bad, *planner.held),
        planner.done,
        inputs.limits.digest,
        inputs.blocked,
    )


def row_of(request: Request, known: Known) -> Row:
    """The row of a request: with the return's own money where the request asks for less."""
    if request.action == "process" and request.currency == known.seen.get("currency"):
        request = replace(
            request, amount=None if request.amount is None else max(request.amount, known.money)
        )
    return Row(request, known.seen)


def rejected(request: Request, decisions: Iterable[Decision]) -> Decision | None:
    """The decision by which a person released exactly these facts, if the last word about them was that."""
    said = [
        each
        for each in decisions
        if each.flagged_item_id == request.flagged_item_id
        and each.evidence_hash == request.evidence_hash
        and each.decided_at >= request.requested_at
    ]
    return said[-1] if said and said[-1].decision == "reject" else None


class _Planner:
    def __init__(self, inputs: Inputs) -> None:
        self._in = inputs
        self._by_key = {action.action_key: action for action in inputs.actions}
        self._live = {action.return_id: action for action in inputs.actions if action.state in LIVE}
        self._wanted: dict[str, Request] = {}
        self._used = inputs.used
        self.rows: list[Row] = []
        self.keys: list[str] = []
        self.held: list[Held] = []
        self.done = 0

    def consider(self, request: Request) -> None:
        key = action_key(self._in.shop, request)
        if self._is_done(key):
            self.done += 1
            self._wanted.setdefault(request.return_id, request)  # a hold that was done still wins
            return
        why = self._first_reason(request, key)
        if why is None:
            self._take(request, key)
        else:
            guard, _, reason = why.partition(": ")
            self.held.append(Held(request.flagged_item_id, request.return_id, request.action, guard, reason))

    def _is_done(self, key: str) -> bool:
        known = self._by_key.get(key)
        return known is not None and known.state in (State.CONFIRMED, State.ALREADY)

    def _take(self, request: Request, key: str) -> None:
        row = row_of(request, self._in.returns[request.return_id])
        self._used = guards.counted(self._used, row)
        self.rows.append(row)
        self.keys.append(key)

    def _first_reason(self, request: Request, key: str) -> str | None:
        """Why a request is held back, as `guard: reason`; the first that is found."""
        if who := rejected(request, self._in.decisions):
            return f"released: {who.decided_by} looked at these facts and let it go"
        if request.valid_until is not None and request.valid_until <= self._in.now:
            return f"expired: it was to be done before {request.valid_until:%Y-%m-%d %H:%M} UTC"
        if (other := self._wanted.setdefault(request.return_id, request)) is not request:
            return _lost_to(request, other)
        known = self._in.returns.get(request.return_id)
        if known is None:
            return "unknown return: it is not in the tables; `loop-returns run` reads what is new"
        checks: tuple[Callable[[], str | None], ...] = (
            lambda: _of_state(request, known),
            lambda: self._of_ledger(request, key),
            lambda: _of_return(request, known),
            lambda: guards.of_row(self._in.limits, row_of(request, known)),
            lambda: guards.of_totals(
                self._in.limits, row_of(request, known), self._used, self._in.facts.open_returns
            ),
        )
        return next((why for check in checks if (why := check())), None)

    def _of_ledger(self, request: Request, key: str) -> str | None:
        own, live = self._by_key.get(key), self._live.get(request.return_id)
        if own is not None and own.state == State.REJECTED and _asks_the_same(own.row.request, request):
            return f"refused: Loop said {own.answer_code}; a new request may ask again"
        if own is not None and own.state == State.CONFLICT:
            return "conflict: the return went another way when it was tried"
        if live is None:
            return None
        if live.state == State.PARKED:
            return "parked: a person must say what became of it: `loop-returns resolve`"
        weaker = KINDS.index(live.action) > KINDS.index(request.action)
        if live.state in UNSENT and (weaker or live.action_key == key):
            return None
        return f"under way: {live.action} of this return is {live.state}"


def _asks_the_same(before: Request, now: Request) -> bool:
    return (before.flagged_item_id, before.evidence_hash) == (now.flagged_item_id, now.evidence_hash)


def _lost_to(request: Request, other: Request) -> str:
    if other.action == request.action:
        return f"asked twice: {other.flagged_item_id[:40]} asks for the same"
    return f"hold wins: {other.action} of the same return is asked for, too"


def _of_state(request: Request, known: Known) -> str | None:
    state = known.seen.get("state")
    if state == readback.TARGET[request.action]:
        return f"state: the return is {state} already"
    if state != "open":
        return f"state: the return is {state}, and only an open one can be acted on"
    for name in ("state", "outcome"):
        wanted = getattr(request, f"expected_{name}")
        if wanted is not None and wanted != known.seen.get(name):
            return f"stale: its {name} is {known.seen.get(name)}, and was {wanted} when it was asked"
    return None


def _of_return(request: Request, known: Known) -> str | None:
    if request.action == "cancel" and known.label_status in readback.SCANNED:
        return "scanned: the parcel is on its way, so it cannot be cancelled"
    currency = known.seen.get("currency")
    if request.action == "process" and request.currency and currency and request.currency != currency:
        return f"currency differs: asked for {request.currency}, the return is in {currency}"
    return None
