"""A gateway, the service behind it, and a client in front of it."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import aiohttp
import pytest

from shared.settings import InstallationSettings
from tests.integration.gateway.support import Upstream, gateway
from tests.support.tokens import TokenIssuer


@pytest.fixture
async def upstream(tokens: TokenIssuer) -> Upstream:
    return Upstream(tokens)


@pytest.fixture
async def upstream_address(upstream: Upstream) -> AsyncIterator[str]:
    async with upstream.serving() as address:
        yield address


@pytest.fixture
async def address(installation: InstallationSettings, upstream_address: str) -> AsyncIterator[str]:
    """The address of the gateway."""
    allowing = installation.model_copy(update={"allowed_origins": ("https://plant.example",)})
    async with gateway(allowing, upstream_address) as place:
        yield place


@pytest.fixture
def organization() -> UUID:
    return uuid4()


@pytest.fixture
async def client(
    address: str, tokens: TokenIssuer, organization: UUID
) -> AsyncIterator[aiohttp.ClientSession]:
    """A signed-in client of the gateway that does not decompress."""
    headers = tokens.headers(organization)
    async with aiohttp.ClientSession(address, headers=headers, auto_decompress=False) as session:
        yield session


@pytest.fixture
async def stranger(address: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(address) as session:
        yield session
