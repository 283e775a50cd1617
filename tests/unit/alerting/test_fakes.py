"""The fakes do what the repositories on PostgreSQL do."""

import pytest

from tests.unit.alerting.fakes import FakeUnits
from tests.unit.alerting.repository_suite import RepositorySuite


class TestFakeRepositories(RepositorySuite):
    @pytest.fixture
    def units(self) -> FakeUnits:
        return FakeUnits()
