"""Returns as the published file gives them, endpoints, and a way from one to the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.forward.erp import SECRET, Erp

from loop_returns.handover import version
from loop_returns.webhooks import record
from loop_returns.webhooks.endpoints import Endpoint, endpoint
from loop_returns.webhooks.forward import Forwarder, Sent
from loop_returns.webhooks.outbox import Outbox
from loop_returns.webhooks.outbox_tables import Fresh

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEPS = tuple(timedelta(seconds=0.3 * step) for step in range(1, 2_000))


def to(erp: Erp, **settings: Any) -> Endpoint:
    """The ERP as an endpoint; only what hangs is to run into its timeout, however busy the machine."""
    table = {"url": erp.url + "/rma", "allow_private": True, "timeout_seconds": 30, "start": "2020-01-01"}
    return endpoint("erp", table | settings, lambda _: SECRET)


def a_return(return_id: str, state: str = "open", step: int = 0, **values: Any) -> dict[str, Any]:
    """One row as `handover.fill` reads it; `step` moves `updated_at` and the refund."""
    row: dict[str, Any] = dict.fromkeys(record.HEADER)
    line: dict[str, Any] = dict.fromkeys(record.LINE)
    row |= {"return_id": return_id, "state": state, "order_name": f"#{return_id}", "currency": "USD"}
    row |= {"created_at": NOW, "updated_at": NOW + timedelta(minutes=step), "refund": Decimal(step)}
    row["lines"] = [line | {"line_item_id": f"{return_id}-1", "sku": "SKU-1", "price": Decimal("12.5000")}]
    return row | {"fetched_at": "2026-11-20T12:00:00.000000Z"} | values


def fill(outbox: Outbox, endpoint: Endpoint, *rows: dict[str, Any]) -> int:
    """As a run does it, one version of each return at a time."""
    known = outbox.known(endpoint.name)
    is_first = outbox.watermark(endpoint.name) is None
    fresh: list[Fresh] = []
    for row in rows:
        if found := version(endpoint, row, known.get(row["return_id"]), is_first=is_first):
            fresh.append(found)
            known[row["return_id"]] = found.known
    return outbox.fill(endpoint.name, endpoint.url, "2026-11-20T12:00:00.000000Z", fresh, datetime.now(UTC))


def send(outbox: Outbox, endpoint: Endpoint, **settings: Any) -> Sent:
    """Send with steps of milliseconds."""
    given: dict[str, Any] = {"steps": STEPS, "patience": timedelta(seconds=3)}
    return Forwarder(outbox, endpoint, **(given | settings)).run()
