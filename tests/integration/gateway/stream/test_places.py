"""Open event streams are bounded on a real connection."""

from uuid import UUID

import aiohttp

from shared.settings import InstallationSettings
from tests.integration.gateway.support import gateway
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually


async def test_streams_of_a_caller_are_bounded_and_a_closed_one_gives_its_place_back(
    installation: InstallationSettings, upstream_address: str, tokens: TokenIssuer, organization: UUID
) -> None:
    headers = tokens.headers(organization)
    async with (
        gateway(installation, upstream_address, max_caller_streams=1) as place,
        aiohttp.ClientSession(place, headers=headers) as client,
    ):
        async with client.get("/api/v1/stream") as stream:
            assert stream.status == 200
            refused = await client.get("/api/v1/stream")
            assert refused.status == 429
            assert (await refused.json())["code"] == "too-many-streams"

        async def opened() -> bool:
            async with client.get("/api/v1/stream") as response:
                return response.status == 200

        await eventually(opened, what="the place of the closed stream")
