"""A batch that takes pages as the API sends them, for tests that are about rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from loop_returns.extract.batch import Batch
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.rows import Item
from loop_returns.extract.typed import typed_page


class PageBatch(Batch):
    def __init__(self, policy: PiiPolicy, api_version: str) -> None:
        super().__init__(api_version)
        self._policy = policy

    def add_returns(self, items: Sequence[Item], fetched_at: datetime) -> None:
        self.add(typed_page("returns", items, self._policy, fetched_at))

    def add_notices(self, items: Sequence[Item], fetched_at: datetime) -> None:
        self.add(typed_page("advanced_shipping_notices", items, self._policy, fetched_at))
