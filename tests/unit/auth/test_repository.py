"""The repositories in memory keep to the common suite."""

import pytest

from services.auth.repository import Units
from tests.unit.auth.fakes import FakeUnits
from tests.unit.auth.repository_suite import RepositorySuite
from tests.unit.auth.repository_suite_accounts import AccountsRepositorySuite


class TestInMemory(RepositorySuite, AccountsRepositorySuite):
    @pytest.fixture
    def units(self) -> Units:
        return FakeUnits()
