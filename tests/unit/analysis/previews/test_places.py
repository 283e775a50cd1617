"""Previews whose files arrive slowly keep nobody else from previewing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr

from services.analysis.configs.service import ConfigService
from services.analysis.previews.service import MAX_OF_ORGANIZATION, PreviewService
from services.analysis.settings import Settings
from services.analysis.uploads.errors import BrokenForm
from services.analysis.uploads.schemas import inline_config
from shared.access import Caller
from shared.audit import Auditor
from shared.http.turns import TooManyAtOnce
from tests.support.fakes import FakeClock, caller
from tests.support.waiting import eventually
from tests.unit.analysis.database.examples import NOW
from tests.unit.analysis.database.fakes import FakeUnits

FORM = "multipart/form-data; boundary=x"


async def test_slow_files_of_one_organization_leave_room_for_others() -> None:
    clock, ends = FakeClock(NOW), asyncio.Event()
    settings = Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"))
    previews = PreviewService(FakeUnits(clock), ConfigService(clock, Auditor(clock)), settings)
    slow, other = caller(), caller()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        await ends.wait()

    async def preview(who: Caller, body: AsyncIterator[bytes]) -> None:
        await previews.preview(who, FORM, None, body, inline_config)

    async def all_arrive() -> bool:
        return previews.turns.taken(slow.organization_id) == MAX_OF_ORGANIZATION

    async with AsyncExitStack() as stack:
        stack.callback(ends.set)
        held = [asyncio.create_task(preview(slow, trickle())) for _ in range(MAX_OF_ORGANIZATION)]
        await eventually(all_arrive, what="their files began to arrive")
        with pytest.raises(TooManyAtOnce):
            await preview(slow, trickle())
        with pytest.raises(BrokenForm):
            # It was let in, and its form has no end.
            await preview(other, _empty())
    outcomes = await asyncio.gather(*held, return_exceptions=True)
    assert {type(each) for each in outcomes} == {BrokenForm}
    assert previews.turns.taken(slow.organization_id) == 0


async def _empty() -> AsyncIterator[bytes]:
    yield b"--x\r\n"
