"""The repositories in memory pass the common suite."""

import pytest

from services.auth.database.unit import Units
from tests.unit.auth.database.fakes.unit import FakeUnits
from tests.unit.auth.database.suite import RepositorySuite


class TestInMemory(RepositorySuite):
    @pytest.fixture
    def units(self) -> Units:
        return FakeUnits()
