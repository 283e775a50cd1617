"""The repositories in memory pass the common suites."""

import pytest

from tests.unit.analysis.database.baseline_suite import BaselineSuite
from tests.unit.analysis.database.fakes import FakeUnits
from tests.unit.analysis.database.result_suite import ResultSuite
from tests.unit.analysis.database.source_suite import SourceSuite
from tests.unit.analysis.database.suite import RepositorySuite


class TestInMemory(RepositorySuite, ResultSuite, BaselineSuite, SourceSuite):
    @pytest.fixture
    def units(self) -> FakeUnits:
        return FakeUnits()
