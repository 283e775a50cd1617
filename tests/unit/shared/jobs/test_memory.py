"""The in-memory queue passes the common suite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from shared.clock import SystemClock
from shared.jobs.memory import MemoryQueue
from shared.jobs.queue import Jobs
from tests.unit.shared.jobs.queue_suite import QueueSuite


class MemoryPlace:
    def __init__(self) -> None:
        self.queue = MemoryQueue(SystemClock())

    @asynccontextmanager
    async def transaction(self, organization_id: UUID | None) -> AsyncIterator[Jobs]:
        yield self.queue


class TestMemory(QueueSuite):
    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace()
