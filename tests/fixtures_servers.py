"""Fixtures for the servers of a test run; load with pytest_plugins = ["tests.fixtures_servers"]."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Broker, TestServers


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """Every server this run has started; ended when the run ends, also by Ctrl-C."""
    started = TestServers()
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(scope="session")
def postgres_admin_dsn(servers: TestServers) -> str:
    """The administrator's address of a PostgreSQL server. Make a database of your own on it."""
    return servers.postgres_dsn()


@pytest.fixture(scope="session")
def broker(servers: TestServers) -> Broker:
    """The broker itself, for tests that kill it and start it again."""
    return servers.broker()


@pytest.fixture(scope="session")
def kafka_bootstrap(broker: Broker) -> str:
    """The broker's address."""
    return broker.bootstrap


@pytest.fixture
def own_broker(servers: TestServers) -> Iterator[Broker]:
    """A broker for one test alone, which may kill it without harming other tests' topics."""
    mine = servers.broker()
    yield mine
    mine.kill()
