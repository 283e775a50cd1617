"""Each of the five programs refuses every forged token itself: none is trusted for where it stands."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator

import asyncpg
import httpx2
import pytest
from joserfc.jwk import OKPKey

from dinsight.installation import Installation
from services.auth.keys.service import PURPOSE
from shared.crypto import Encryptor
from tests.e2e.plant import Plant
from tests.stack import Stack
from tests.support.forgery import HUGE, claims, forgeries, signed

# One address of each, which only asks who somebody is.
PLACES = {
    "gateway": "/api/v1/stream",
    "auth": "/api/v1/users/me",
    "machines": "/api/v1/machines",
    "analysis": "/api/v1/configs/current",
    "alerting": "/api/v1/alerts",
}
# Headers of such a size are refused before anybody looks at what they say; 400 is the server's own answer.
TOO_LARGE = (400, 401, 431)


@pytest.fixture(scope="module")
def signing_key(stack: Stack) -> OKPKey:
    """Auth's own key, out of its database: with it, what is signed right can be wrong otherwise."""
    stack.wait_ready()
    with httpx2.Client(base_url=stack.gateway_url) as client:
        client.get("/api/v1/auth/jwks.json")
    return asyncio.run(_signing_key(stack))


async def _signing_key(stack: Stack) -> OKPKey:
    connection = await asyncpg.connect(stack.admin_dsn)
    try:
        newest = "SELECT private_jwk FROM auth.signing_keys ORDER BY signs_from LIMIT 1"
        sealed = await connection.fetchval(newest)
    finally:
        await connection.close()
    opened = Encryptor(Installation(stack.env).encryption_keys("auth")).decrypt(sealed, purpose=PURPOSE)
    return OKPKey.import_key(json.loads(opened))


@pytest.fixture(params=PLACES)
def service(request: pytest.FixtureRequest, stack: Stack) -> Iterator[tuple[str, httpx2.Client]]:
    name = str(request.param)
    address = stack.gateway_url if name == "gateway" else stack.env[f"DINSIGHT_{name.upper()}_URL"]
    with httpx2.Client(base_url=address, timeout=60) as client:
        yield PLACES[name], client


def test_no_program_believes_a_forged_token(
    service: tuple[str, httpx2.Client], signing_key: OKPKey, plant: Plant
) -> None:
    place, client = service
    now = time.time()
    wrong = {}
    for kind, token in forgeries(signing_key, now).items():
        answer = client.get(place, headers=[(b"Authorization", f"Bearer {token}".encode())])
        if answer.status_code not in (TOO_LARGE if len(token) >= HUGE else (401,)):
            wrong[kind] = (answer.status_code, answer.text)
    assert wrong == {}
    # The key is the right one: what it signs is believed, and so the refusals were about the tokens.
    member = json.loads(_payload(plant.headers["Authorization"]))["memberships"]
    good = {"Authorization": f"Bearer {signed(signing_key, claims(now, memberships=member))}"}
    with client.stream("GET", place, headers=good) as answer:
        # Auth looks whether there is such a session; the others trust what it signed.
        assert answer.status_code == (401 if place == PLACES["auth"] else 200)
        said = "" if answer.status_code == 200 else answer.read().decode()
    assert not said or "access-ended" in said


def _payload(authorization: str) -> bytes:
    part = authorization.removeprefix("Bearer ").split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
