"""The fakes do what the repositories on PostgreSQL do."""

import pytest

from tests.unit.alerting.database.repository_suite import RepositorySuite
from tests.unit.alerting.fakes import FakeUnits


class TestFakeRepositories(RepositorySuite):
    @pytest.fixture
    def units(self) -> FakeUnits:
        return FakeUnits()
