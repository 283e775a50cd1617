"""Following the event stream."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

from services.gateway.stream.domain import EventFilter, StreamEvent
from services.gateway.stream.service import EventStreams, Opened, Reset
from shared.errors import Unauthenticated
from shared.events.deletions import DeletionRequested
from tests.support.fakes import FakeClock
from tests.unit.gateway.stream.test_domain import NOW, ORGANIZATION, event

NEVER = float("inf")
MACHINE_DELETED = DeletionRequested(
    deletion_id=uuid4(),
    kind="machine",
    subject_id=uuid4(),
    organization_id=ORGANIZATION,
    requested_by=uuid4(),
    requested_at=NOW + timedelta(seconds=10),
    backups_expire_at=NOW,
)
Followed = AsyncIterator[Opened | StreamEvent | Reset]


def streams(clock: FakeClock | None = None, capacity: int = 3) -> EventStreams:
    return EventStreams(clock or FakeClock(), capacity=capacity, max_age=timedelta(minutes=15))


async def opened(found: EventStreams, *, expires_at: float = NEVER, last: str | None = None) -> Followed:
    followed = found.follow(ORGANIZATION, EventFilter(), last_event_id=last, expires_at=expires_at)
    assert await anext(followed) == Opened()
    return followed


async def rest(followed: Followed) -> list[Opened | StreamEvent | Reset]:
    async with asyncio.timeout(5):
        return [each async for each in followed]


async def test_every_client_gets_every_event() -> None:
    found, news = streams(), event()
    clients = [await opened(found) for _ in range(3)]
    found.publish([news])
    assert [await anext(client) for client in clients] == [news] * 3


async def test_a_waiting_client_is_woken() -> None:
    found, news = streams(), event()
    client = await opened(found)
    waiting = asyncio.ensure_future(anext(client))
    await asyncio.sleep(0)
    found.publish([news])
    assert await waiting == news


async def test_a_client_whose_token_expires_is_woken_by_an_event_of_the_same_iteration() -> None:
    clock = FakeClock()
    found, news = streams(clock), event()
    client = await opened(found, expires_at=clock.now().timestamp() + 3600)
    waiting = asyncio.ensure_future(anext(client))
    await asyncio.sleep(0)
    found.publish([news])
    async with asyncio.timeout(5):
        assert await waiting == news


async def test_an_event_that_comes_after_the_deletion_of_its_machine_reaches_nobody() -> None:
    """Topics are read beside each other, so a deletion may be read before what was there to be deleted."""
    found, of_another = streams(), event(5)
    deleted = event(machine_id=MACHINE_DELETED.subject_id)
    client = await opened(found)
    found.forget(MACHINE_DELETED)
    found.publish([deleted, of_another])
    assert await anext(client) == of_another
    # What is said of it later, such as that its analysis has failed, reaches clients.
    later = event(20, machine_id=MACHINE_DELETED.subject_id)
    found.publish([later])
    assert await anext(client) == later


async def test_a_slow_client_is_disconnected_with_a_reset() -> None:
    found = streams(capacity=3)
    client = await opened(found)
    events = [event() for _ in range(10)]
    found.publish(events)
    assert await rest(client) == [Reset("The client reads more slowly than events arrive.", events[-1].id)]


async def test_a_client_resumes_from_the_id_of_the_reset() -> None:
    found = streams(capacity=3)
    events = [event(seconds) for seconds in range(0, 40, 10)]
    found.publish(events)
    client = await opened(found, last=str(events[-1].id))
    later = event(50)
    found.publish([later])
    assert await anext(client) == later


async def test_closing_ends_current_and_future_streams() -> None:
    found = streams()
    client = await opened(found)
    found.close()
    assert await rest(client) == []
    assert await rest(await opened(found)) == []


async def test_an_expired_token_ends_the_stream_even_while_events_arrive() -> None:
    clock = FakeClock()
    found = streams(clock)
    client = await opened(found, expires_at=clock.now().timestamp() + 60)
    found.publish([event()])
    await anext(client)
    clock.advance(seconds=61)
    found.publish([event(61)])
    assert await rest(client) == []


async def test_an_unknown_last_event_is_a_reset() -> None:
    found, news = streams(), event()
    found.publish([news])
    client = await opened(found, last=str(uuid4()))
    answer = await anext(client)
    assert isinstance(answer, Reset)
    assert answer.last_event_id == news.id


async def test_a_stream_continues_while_the_caller_is_renewed() -> None:
    clock = FakeClock()
    found = streams(clock)
    answers: list[float] = [clock.now().timestamp() + 120]

    async def renew() -> float:
        if not answers:
            raise Unauthenticated("deleted")
        return answers.pop()

    soon = clock.now().timestamp() + 60
    followed = found.follow(ORGANIZATION, EventFilter(), last_event_id=None, expires_at=soon, renew=renew)
    assert await anext(followed) == Opened()
    clock.advance(seconds=61)
    news = event(61)
    found.publish([news])
    assert await anext(followed) == news
    clock.advance(seconds=60)
    found.publish([event(121)])
    assert await rest(followed) == []
