"""A flood of passwords to hash leaves the connections of the service to everybody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.auth.database.unit import Unit
from services.auth.passwords.turns import MAX_AT_ONCE, HashingTurns
from services.auth.recovery import routes as recovery
from services.auth.registration import routes as registration
from services.auth.sign_in import routes as sign_in
from services.auth.sign_in.policy import SignInPolicy
from shared.access import Scope
from shared.http import problems
from tests.support.waiting import eventually
from tests.unit.auth.accounts_setting import EMAIL, PASSWORD, AccountsSetting

REGISTER = ("register", {"email": EMAIL, "password": PASSWORD, "full_name": "Ada"}, 201)
LOGIN = ("login", {"email": EMAIL, "password": "not the password"}, 401)
RESET = ("reset-password", {"token": "no-token", "password": PASSWORD}, 400)


class Hashing(HashingTurns):
    """Knows who waits."""

    waiting = 0

    async def acquire(self) -> Any:
        self.waiting += 1
        return await super().acquire()


@pytest.mark.parametrize(("path", "body", "status"), [REGISTER, LOGIN, RESET])
async def test_whoever_waits_to_hash_a_password_holds_no_connection(
    path: str, body: dict[str, str], status: int
) -> None:
    setting, opened = AccountsSetting(), []

    @asynccontextmanager
    async def units(scope: Scope) -> AsyncIterator[Unit]:
        async with setting.units(scope) as unit:
            opened.append(unit)
            yield unit
            opened.remove(unit)

    app, hashing, policy = FastAPI(), Hashing(), SignInPolicy()
    tokens: Any = SimpleNamespace(issue=None)
    problems.install(app)
    app.include_router(registration.build_router(setting.registration, units, hashing))
    app.include_router(recovery.build_router(setting.recovery, units, hashing))
    served = (setting.sign_in, setting.sessions, setting.devices)
    app.include_router(sign_in.build_router(*served, policy, tokens, units, hashing))

    async def waits() -> bool:
        return hashing.waiting > MAX_AT_ONCE

    for _ in range(MAX_AT_ONCE):
        await hashing.acquire()
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://auth") as client:
        asked = asyncio.create_task(client.post(f"/auth/{path}", json=body))
        await eventually(waits, what="it waited")
        assert (opened, asked.done()) == ([], False)
        for _ in range(MAX_AT_ONCE):
            hashing.release()
        assert (await asked).status_code == status
    assert not hashing.locked()
