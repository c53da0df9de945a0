"""Tables of loop.toml as endpoints; the record that a template makes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.forward.erp import SECRET, Erp
from tests.forward.rows import a_return, fill, send, to

from loop_returns.errors import UsageError
from loop_returns.webhooks.endpoints import endpoint, read
from loop_returns.webhooks.outbox import Outbox

URL = "https://erp.example.com/rma"
CANNOT_BE: list[Any] = [
    {"mode": "maybe"},
    {"kinds": []},
    {"kinds": ["refunded"]},
    {"kinds": "created"},
    {"cancelled_before_sent": "none"},
    {"start": "soon"},
    {"shop": "a:b"},
    {"allow_private": "yes"},
    {"timeout_seconds": 0},
    {"timeout_seconds": True},
    {"parallel": 1.5},
    {"parallel": 0},
    {"record": {"id": "{email}"}},
    {"record": {}},
    {"record": "{rma}"},
    {"line": {"sku": "{order_name}"}},
    {"colour": "blue"},
    {"url": 5},
    {"url": "http://erp.example.com"},
]


@pytest.mark.parametrize("table", CANNOT_BE, ids=str)
def test_given_a_table_that_cannot_be_when_read_then_it_is_named(table: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        endpoint("erp", {"url": URL} | table, lambda _: SECRET)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("merchant", [{"forward": 3}, {"forward": {"erp": 3}}, {"forward": {"Bad Name": {}}}])
def test_given_no_table_when_read_then_it_is_refused(merchant: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        read(merchant, lambda _: SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_\u00e4"])
def test_given_a_secret_that_is_none_when_read_then_it_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(UsageError) as refused:
        endpoint("erp", {"url": URL}, lambda _: secret)

    assert refused.value.__cause__ is None
    assert SECRET not in repr(endpoint("erp", {"url": URL}, lambda _: SECRET))


def test_given_a_template_when_sent_then_the_record_has_its_shape(erp: Erp, outbox: Outbox) -> None:
    shape = {
        "external_id": "{rma}",
        "version": "{version}",
        "memo": "RMA {rma} of {order_name}",
        "amounts": {"refund": "{refund}", "fee": "{handling_fee}"},
        "items": "{lines}",
        "tags": ["loop", "{kind}"],
    }
    endpoint = to(erp, record=shape, line={"item": "{sku}", "value": "{price}"}, shop="my-shop")
    fill(outbox, endpoint, a_return("17", step=3))

    send(outbox, endpoint)

    assert erp.records["17"] == {
        "external_id": "17",
        "version": 1795176180,
        "memo": "RMA 17 of #17",
        "amounts": {"refund": "3.00", "fee": None},
        "items": [{"item": "SKU-1", "value": "12.50"}],
        "tags": ["loop", "created"],
    }
    (headers,) = erp.headers
    assert headers["idempotency-key"] == headers["webhook-id"] == "rma:my-shop:17:created:1795176180"
    assert headers["content-type"] == "application/json"


def test_given_the_default_template_then_it_holds_no_personal_data(erp: Erp, outbox: Outbox) -> None:
    fill(outbox, to(erp), a_return("17", customer="a1b2c3"))
    send(outbox, to(erp))

    assert set(orjson.loads(orjson.dumps(erp.records["17"]))) == {
        *("external_id", "kind", "version", "order", "customer", "state", "outcome", "currency", "refund"),
        *("gift_card", "tracking_number", "updated_at", "lines"),
    }
