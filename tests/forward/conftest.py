"""Fixtures: an ERP over real HTTP, an outbox in a real file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.forward.erp import Erp, serving

from loop_returns.webhooks.outbox import Outbox


@pytest.fixture
def erp() -> Iterator[Erp]:
    with serving(Erp()) as running:
        yield running


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path)
    yield opened
    opened.close()
