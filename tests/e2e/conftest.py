"""A whole platform for the end-to-end tests: every process of `make up`, on free ports."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import chromium
from tests.e2e.plant import Plant
from tests.stack import FOR_MANY_CALLS, Stack
from tests.support.collector import Collector

# The analysis of a killed worker is taken over when its lease expires. No other wait is as long.
SHORT_LEASES = {
    "DINSIGHT_ANALYSIS_LEASE_SECONDS": "10",
    "DINSIGHT_ANALYSIS_HEARTBEAT_SECONDS": "2",
}


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with Collector().running() as running:
        yield running


# Ends with the last of these tests: even an idle platform takes time from the others.
@pytest.fixture(scope="package")
def stack(collector: Collector) -> Iterator[Stack]:
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with Stack(workers=2, settings={**FOR_MANY_CALLS, **SHORT_LEASES, **traced}) as running:
        yield running


@pytest.fixture
def plant(stack: Stack) -> Iterator[Plant]:
    stack.wait_ready()
    with Plant.joined(stack.gateway_url) as joined:
        yield joined


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def address(stack: Stack) -> str:
    """Of the page, as browsers know it: passkeys need a name."""
    stack.wait_ready()
    return stack.gateway_url.replace("127.0.0.1", "localhost")
