"""The PostgreSQL repositories keep to the common suite.

On a database of their own: a running service would send the letters and answer the requests.
"""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from dinsight.provision.migrations import upgrade
from services.auth.database.unit import PostgresUnits, Units
from services.auth.mail.domain import LetterStatus
from services.auth.recovery.domain import ResetRequest
from services.auth.sign_in.domain import Client
from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.postgres.connection import Database
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.unit.auth.database.examples import LONG_AGO, MINUTE, a_letter
from tests.unit.auth.database.suite import RepositorySuite


@pytest.fixture(scope="module")
async def own_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "auth", created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


class TestPostgres(RepositorySuite):
    @pytest.fixture
    async def units(self, own_database: TestDatabase) -> AsyncIterator[Units]:
        async with Database(own_database.dsn("auth"), service="auth", pool_size=1) as pool:
            yield PostgresUnits(pool, SystemClock(), time_ordered_id)


async def test_of_two_at_once_each_takes_other_letters_and_requests(own_database: TestDatabase) -> None:
    letters = [a_letter() for _ in range(2)]
    requests = [ResetRequest(uuid4(), "x@example.org", Client(None, None), LONG_AGO) for _ in range(2)]
    async with Database(own_database.dsn("auth"), service="auth", pool_size=2) as pool:
        units = PostgresUnits(pool, SystemClock(), time_ordered_id)
        async with units(Scope()) as unit:
            for letter, request in zip(letters, requests, strict=True):
                await unit.mail.add(letter)
                await unit.reset_requests.add(request)
        async with units(Scope()) as first, units(Scope()) as second:
            # Neither has committed what it took when the other looks.
            taken = [await unit.mail.claim(1, LONG_AGO, LONG_AGO + MINUTE) for unit in (first, second)]
            answered = [await unit.reset_requests.take(1) for unit in (first, second)]
            for unit, [letter] in zip((first, second), taken, strict=True):
                await unit.mail.finish(letter, LetterStatus.GIVEN_UP, None, LONG_AGO)
    assert {letter.id for [letter] in taken} == {letter.id for letter in letters}
    assert {request.id for [request] in answered} <= {request.id for request in requests}
    assert len({request.id for [request] in answered}) == 2
