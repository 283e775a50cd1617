"""The fakes pass the suite of the repositories."""

import pytest

from tests.support.fakes import FakeClock
from tests.unit.alerting.database.life_suite import LifeSuite
from tests.unit.alerting.database.people_suite import PeopleSuite
from tests.unit.alerting.database.repository_suite import NOW, RepositorySuite
from tests.unit.alerting.fakes import FakeUnits


class TestFakeRepositories(LifeSuite, PeopleSuite, RepositorySuite):
    @pytest.fixture
    def units(self) -> FakeUnits:
        return FakeUnits(FakeClock(NOW))
