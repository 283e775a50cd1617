"""A whole platform for the end-to-end tests: every process of `make up`, on free ports."""

from collections.abc import Iterator

import pytest

from tests.e2e.plant import Plant
from tests.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    # The cheapest bcrypt there is: some tests sign in by the hundred.
    with Stack(workers=2, settings={"DINSIGHT_AUTH_BCRYPT_COST": "4"}) as running:
        yield running


@pytest.fixture
def plant(stack: Stack) -> Iterator[Plant]:
    stack.wait_ready()
    with Plant.joined(stack.gateway_url) as joined:
        yield joined
