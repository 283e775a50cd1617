"""Ways in which access ends, and how long each program goes on accepting a token from before."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from dinsight.administrators.accounts import set_administrator
from tests.e2e.plant import PASSWORD
from tests.integration.auth.mailbox import Mailbox
from tests.stack import Stack

# Until then every program has long refused it, also on a busy machine.
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.01
REFUSED = frozenset({401, 403, 404})
STREAM = "event stream"


@dataclass
class Person:
    """A user who is signed in."""

    client: httpx2.AsyncClient
    email: str
    id: str
    access: str
    refresh: str

    async def ask(self, method: str, path: str, body: object = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.access}"}
        answer = await self.client.request(method, f"/api/v1{path}", headers=headers, json=body)
        answer.raise_for_status()
        return answer


@dataclass
class Scene:
    """An organization, an administrator of it whose access ends, and who ends it."""

    stack: Stack
    client: httpx2.AsyncClient
    organization: str
    owner: Person
    member: Person
    key: Mapping[str, Any]
    installation: Person

    @property
    def place(self) -> str:
        return f"/organizations/{self.organization}"

    @property
    def membership(self) -> str:
        return f"{self.place}/members/{self.member.id}"

    async def key_token(self) -> str:
        """The token that the gateway gets for the key and keeps to itself."""
        url = f"{self.stack.env['DINSIGHT_AUTH_URL']}/internal/api-keys/token"
        answer = await self.client.post(url, json={"api_key": self.key["key"]})
        return str(answer.raise_for_status().json()["access_token"])


@dataclass(frozen=True)
class Ending:
    """`end` takes access away. `of_key` tells whether it also ends the tokens of the member's API key."""

    name: str
    end: Callable[[Scene], Awaitable[object]]
    of_person: bool = True
    of_key: bool = True


ENDINGS = (
    Ending("member removed", lambda scene: scene.owner.ask("DELETE", scene.membership)),
    Ending(
        "member suspended", lambda scene: scene.owner.ask("PATCH", scene.membership, {"is_active": False})
    ),
    Ending("role lowered", lambda scene: scene.owner.ask("PATCH", scene.membership, {"role": "viewer"})),
    Ending(
        "signed out",
        lambda scene: scene.member.ask("POST", "/auth/logout", {"refresh_token": scene.member.refresh}),
        of_key=False,
    ),
    Ending(
        "sessions ended by the installation",
        lambda scene: scene.installation.ask("DELETE", f"/users/{scene.member.id}/sessions"),
        of_key=False,
    ),
    Ending(
        "account closed",
        lambda scene: scene.installation.ask("PATCH", f"/users/{scene.member.id}", {"is_active": False}),
    ),
    Ending("account deleted", lambda scene: scene.member.ask("DELETE", "/users/me")),
    Ending(
        "organization deactivated",
        lambda scene: scene.installation.ask("PATCH", f"/installation{scene.place}", {"is_active": False}),
    ),
    Ending(
        "API key deleted",
        lambda scene: scene.owner.ask("DELETE", f"{scene.place}/api-keys/{scene.key['id']}"),
        of_person=False,
    ),
)


@asynccontextmanager
async def scene(stack: Stack) -> AsyncIterator[Scene]:
    async with httpx2.AsyncClient(base_url=stack.gateway_url, timeout=60) as client:
        owner, installation = await joined(client, "Plant"), await joined(client, None)
        assert await set_administrator(stack.admin_dsn, installation.email, True)
        organization = (await owner.ask("GET", "/organizations")).json()["items"][0]["id"]
        member = await invited(stack, client, owner, organization)
        keys = f"/organizations/{organization}/api-keys"
        key = (await member.ask("POST", keys, {"name": "historian", "role": "admin"})).json()
        yield Scene(stack, client, organization, owner, member, key, installation)


async def joined(client: httpx2.AsyncClient, organization: str | None, **more: str) -> Person:
    email = more.pop("email", f"{uuid4().hex}@example.org")
    account = {"email": email, "password": PASSWORD, "full_name": "Ada Engineer", **more}
    if organization:
        account["organization_name"] = organization
    made = await client.post("/api/v1/auth/register", json=account)
    made.raise_for_status()
    signed_in = await client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    tokens = signed_in.raise_for_status().json()
    return Person(client, email, made.json()["user"]["id"], tokens["access_token"], tokens["refresh_token"])


async def invited(stack: Stack, client: httpx2.AsyncClient, owner: Person, organization: str) -> Person:
    """An administrator of the organization, by the link in a mail."""
    email = f"{uuid4().hex}@example.org"
    wanted = {"email": email, "role": "admin"}
    await owner.ask("POST", f"/organizations/{organization}/invitations", wanted)
    token = await Mailbox(stack.layout.mail).token(email, "invitation")
    return await joined(client, None, email=email, invitation_token=token)


async def seconds_until_refused(scene: Scene, ending: Ending) -> dict[str, float]:
    """From the answer to the request that ends the access, by program; each program is asked directly."""
    paths = {
        "auth": f"/api/v1{scene.place}/api-keys",
        "machines": "/api/v1/machines",
        "analysis": "/api/v1/analyses",
        "alerting": "/api/v1/alert-rules",
        "gateway": "/api/v1/machines",
    }
    key_token = await scene.key_token()
    asked: list[tuple[str, str, dict[str, str]]] = []
    for program, path in paths.items():
        url = scene.stack.env.get(f"DINSIGHT_{program.upper()}_URL") or scene.stack.gateway_url
        if ending.of_person:
            asked.append((program, url + path, {"Authorization": f"Bearer {scene.member.access}"}))
        if not ending.of_key:
            continue
        if program == "gateway":
            # A key goes on with a lower role: this needs the one that it had.
            asked.append(("gateway, API key", f"{url}/api/v1/audit-logs", {"X-API-Key": scene.key["key"]}))
        elif program != "auth":
            asked.append((f"{program}, API key", url + path, {"Authorization": f"Bearer {key_token}"}))
    for program, url, headers in asked:
        answer = await scene.client.get(url, headers=headers)
        assert answer.status_code == 200, (program, answer.text)
    credential = (
        {"Authorization": f"Bearer {scene.member.access}"}
        if ending.of_person
        else {"X-API-Key": scene.key["key"]}
    )
    url = f"{scene.stack.gateway_url}/api/v1/stream"
    async with scene.client.stream("GET", url, headers=credential) as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": connected"
        await ending.end(scene)
        began = time.perf_counter()
        ends = {name: until_refused(scene.client, url, given) for name, url, given in asked}
        return await seconds_of({STREAM: until_closed(lines), **ends}, began)


async def seconds_of(ends: Mapping[str, Coroutine[Any, Any, float]], began: float) -> dict[str, float]:
    tasks = {name: asyncio.create_task(end) for name, end in ends.items()}
    _, waiting = await asyncio.wait(tasks.values(), timeout=PATIENCE_SECONDS)
    for task in waiting:
        task.cancel()
    assert not waiting, [f"{name} still accepts it" for name, task in tasks.items() if task in waiting]
    return {name: max(0.0, task.result() - began) for name, task in tasks.items()}


async def until_refused(client: httpx2.AsyncClient, url: str, headers: Mapping[str, str]) -> float:
    refused = False
    while not refused:
        await asyncio.sleep(POLL_SECONDS)
        refused = (await client.get(url, headers=dict(headers))).status_code in REFUSED
    return time.perf_counter()


async def until_closed(lines: AsyncIterator[str]) -> float:
    try:
        async for _ in lines:
            continue
    except httpx2.RemoteProtocolError:
        pass
    return time.perf_counter()
