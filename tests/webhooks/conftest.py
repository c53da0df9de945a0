"""Fixtures: a receiver as a real process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.webhooks.serving import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A receiver that the tests of one module share: each looks only at rows of its own."""
    with serving(tmp_path_factory.mktemp("shared")) as running:
        yield running
