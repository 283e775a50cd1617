"""The in-memory repository passes the common suite."""

import pytest

from tests.unit.machines.fakes import FakeUnits
from tests.unit.machines.repository_suite import RepositorySuite


class TestInMemory(RepositorySuite):
    @pytest.fixture
    def units(self) -> FakeUnits:
        return FakeUnits()
