"""A whole platform for the end-to-end tests: every process of `make up`, on free ports."""

from collections.abc import Iterator

import pytest

from tests.e2e.plant import Plant
from tests.stack import FOR_MANY_CALLS, Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(workers=2, settings=FOR_MANY_CALLS) as running:
        yield running


@pytest.fixture
def plant(stack: Stack) -> Iterator[Plant]:
    stack.wait_ready()
    with Plant.joined(stack.gateway_url) as joined:
        yield joined
