"""Requests that wait while somebody else changes the organization."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import httpx2

from tests.integration.auth.conftest import Person, register
from tests.integration.auth.mailbox import Mailbox
from tests.integration.auth.test_api_keys import join, keys_of
from tests.integration.auth.test_invitations import ACCEPT, invite
from tests.support.installation import TestDatabase
from tests.support.waiting import eventually

LOCK = "SELECT FROM auth.organizations WHERE id = $1 FOR NO KEY UPDATE"
WAITED_FOR = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


@asynccontextmanager
async def changing(database: TestDatabase, organization: UUID) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that has locked the organization, and waits for no other lock."""
    connection = await asyncpg.connect(database.admin_dsn, server_settings={"lock_timeout": "500ms"})
    try:
        async with connection.transaction():
            await connection.execute(LOCK, organization)
            yield connection
    finally:
        await connection.close()


async def waits(connection: asyncpg.Connection, request: asyncio.Task[httpx2.Response]) -> None:
    async def waiting_or_done() -> bool:
        return request.done() or bool(await connection.fetchval(WAITED_FOR))

    await eventually(waiting_or_done)
    assert not request.done(), request.result().text


async def test_whoever_is_being_removed_makes_no_key(person: Person, database: TestDatabase) -> None:
    """Removal deletes the member's keys: one more would work again if the member returned."""
    admin = await join(database, person, "admin")
    async with changing(database, person.organization_id) as removal:
        made = asyncio.create_task(admin.send("POST", keys_of(admin), {"name": "k", "role": "viewer"}))
        await waits(removal, made)
        await removal.execute("DELETE FROM auth.user_organizations WHERE user_id = $1", admin.id)
    assert (await made).status_code == 404
    assert (await person.get(keys_of(person)))["items"] == []


async def test_a_guest_who_accepts_does_not_block_a_new_invitation(
    api: httpx2.AsyncClient, person: Person, database: TestDatabase, mailbox: Mailbox
) -> None:
    """Both lock the organization and then the invitation: in another order each would wait for the other."""
    guest = await register(api, organization=None)
    await invite(person, guest.email)
    token = await mailbox.token(guest.email, "invitation")
    replaced = "UPDATE auth.invitations SET token_hash = $2 WHERE email = $1"
    async with changing(database, person.organization_id) as renewal:
        accepted = asyncio.create_task(guest.send("POST", ACCEPT, {"token": token}))
        await waits(renewal, accepted)
        await renewal.execute(replaced, guest.email, uuid4().hex)
    assert (await accepted).status_code == 400, "its link has just been replaced"
