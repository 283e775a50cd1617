"""The event stream on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from structlog.testing import capture_logs

from dinsight.provision.topics import create_topics
from shared.events.analysis import ANALYSIS_PROGRESSED, UPLOAD_RECEIVED, AnalysisProgressed, UploadReceived
from shared.events.base import Event
from shared.settings import InstallationSettings
from tests.integration.gateway.support import gateway
from tests.servers import Broker
from tests.support.installation import kafka_at
from tests.support.signing import encode_signed
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Received:
    id: str
    name: str
    data: Any


class Stream:
    """Reads server-sent events from a response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> Received:
        """The next event; comments are skipped."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    raise EOFError("the stream has ended")
                if line == "\n":
                    if "data" in fields:
                        return Received(
                            fields.get("id", ""), fields.get("event", ""), orjson.loads(fields["data"])
                        )
                    fields = {}
                    continue
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value


@asynccontextmanager
async def listening(
    client: aiohttp.ClientSession, *, last: str | None = None, query: str = ""
) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last} if last else {}
    async with client.get("/api/v1/stream" + query, headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        # The first bytes show that the stream is open: every event from now on must arrive.
        await response.content.readuntil(b"\n\n")
        yield Stream(response)


class Publisher:
    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def upload(
        self,
        organization_id: UUID,
        *,
        machine_id: UUID | None = None,
        age: timedelta = timedelta(),
        partition: int | None = None,
    ) -> Event[UploadReceived]:
        payload = UploadReceived(
            analysis_id=uuid4(),
            file_upload_id=uuid4(),
            machine_id=machine_id or uuid4(),
            analysis_type="baseline",
        )
        time = datetime.now(UTC) - age
        event = Event(uuid4(), UPLOAD_RECEIVED, str(payload.analysis_id), organization_id, time, payload)
        await self.send(event, partition)
        return event

    async def progress(self, organization_id: UUID) -> Event[AnalysisProgressed]:
        payload = AnalysisProgressed(
            analysis_id=uuid4(), machine_id=uuid4(), analysis_type="baseline", stage="fitting", progress=0.5
        )
        time = datetime.now(UTC)
        event = Event(uuid4(), ANALYSIS_PROGRESSED, str(payload.machine_id), organization_id, time, payload)
        await self.send(event)
        return event

    async def send(self, event: Event[Any], partition: int | None = None) -> None:
        value, headers = encode_signed(event)
        await self._producer.send_and_wait(
            event.topic.name,
            value,
            key=event.key.encode(),
            headers=list(headers.items()),
            partition=partition,
        )

    async def poison(self) -> None:
        await self._producer.send_and_wait(UPLOAD_RECEIVED.name, b"not an event", key=b"x", headers=[])


@asynccontextmanager
async def publishing(bootstrap: str) -> AsyncIterator[Publisher]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield Publisher(producer)
    finally:
        await producer.stop()


@pytest.fixture
async def publisher(bootstrap: str) -> AsyncIterator[Publisher]:
    async with publishing(bootstrap) as found:
        yield found


async def ready(client: aiohttp.ClientSession) -> bool:
    return (await client.get("/health/ready")).status == 200


@pytest.fixture
async def stream_client(client: aiohttp.ClientSession) -> aiohttp.ClientSession:
    await eventually(lambda: ready(client), what="readiness")
    return client


async def test_an_organization_sees_its_own_events_only(
    stream_client: aiohttp.ClientSession, publisher: Publisher, organization: UUID
) -> None:
    async with listening(stream_client) as stream:
        await publisher.upload(uuid4())
        mine = await publisher.upload(organization)
        got = await stream.next()
    assert (got.id, got.name) == (str(mine.id), "upload.received")
    assert got.data == {
        "id": str(mine.id),
        "type": "upload.received",
        "time": got.data["time"],
        "organization_id": str(organization),
        "data": orjson.loads(mine.payload.model_dump_json()),
    }
    assert datetime.fromisoformat(got.data["time"]) == mine.time


async def test_a_client_resumes_after_the_last_event_it_saw(
    stream_client: aiohttp.ClientSession, publisher: Publisher, organization: UUID
) -> None:
    async with listening(stream_client) as stream:
        first = await publisher.upload(organization)
        assert (await stream.next()).id == str(first.id)
    missed = [await publisher.upload(organization) for _ in range(3)]
    async with listening(stream_client, last=str(first.id)) as stream:
        assert {(await stream.next()).id for _ in missed} == {str(event.id) for event in missed}
    async with listening(stream_client, last=str(first.id)) as again:
        now = await publisher.upload(organization)
        assert {(await again.next()).id for _ in range(4)} == {str(event.id) for event in [*missed, now]}


@pytest.mark.parametrize("last", [str(UUID(int=7)), "nonsense"])
async def test_an_unknown_last_event_is_a_reset_and_the_stream_goes_on(
    stream_client: aiohttp.ClientSession, publisher: Publisher, organization: UUID, last: str
) -> None:
    async with listening(stream_client, last=last) as stream:
        assert (await stream.next()).name == "reset"
        event = await publisher.upload(organization)
        assert (await stream.next()).id == str(event.id)


async def test_unreadable_repeated_and_old_events_are_left_out(
    stream_client: aiohttp.ClientSession, publisher: Publisher, organization: UUID
) -> None:
    async with listening(stream_client) as stream:
        once = await publisher.upload(organization)
        await publisher.send(once)
        await publisher.poison()
        await publisher.upload(organization, age=timedelta(hours=1))
        assert (await stream.next()).id == str(once.id)
        last = await publisher.upload(organization)
        assert (await stream.next()).id == str(last.id)


async def test_a_client_filters_by_type_and_machine(
    stream_client: aiohttp.ClientSession, publisher: Publisher, organization: UUID
) -> None:
    machine = uuid4()
    async with (
        listening(stream_client, query="?types=analysis.progressed,alert.raised") as by_type,
        listening(stream_client, query=f"?machine_id={machine}") as by_machine,
    ):
        await publisher.upload(organization)
        mine = await publisher.upload(organization, machine_id=machine)
        progress = await publisher.progress(organization)
        assert (await by_type.next()).id == str(progress.id)
        assert (await by_machine.next()).id == str(mine.id)


async def test_a_type_that_is_not_streamed_is_named(stream_client: aiohttp.ClientSession) -> None:
    response = await stream_client.get("/api/v1/stream?types=machine.changed")
    assert response.status == 422
    assert "machine.changed is not streamed" in (await response.json())["errors"][0]["detail"]


async def test_the_stream_requires_a_token(stranger: aiohttp.ClientSession) -> None:
    assert (await stranger.get("/api/v1/stream")).status == 401


async def test_the_stream_ends_with_the_token(
    stream_client: aiohttp.ClientSession, tokens: TokenIssuer, organization: UUID
) -> None:
    # Token verification allows half a minute of clock skew; the stream does not.
    soon = int(datetime.now(UTC).timestamp()) + 1
    async with listening(_with(stream_client, tokens.issue(organization, exp=soon))) as stream:
        with pytest.raises(EOFError):
            await stream.next()


def _with(client: aiohttp.ClientSession, token: str) -> aiohttp.ClientSession:
    client.headers["Authorization"] = f"Bearer {token}"
    return client


async def test_a_new_gateway_knows_the_recent_past(
    stream_client: aiohttp.ClientSession,
    publisher: Publisher,
    organization: UUID,
    installation: InstallationSettings,
    upstream_address: str,
) -> None:
    events = [await publisher.upload(organization) for _ in range(20)]
    async with (
        gateway(installation, upstream_address) as other,
        aiohttp.ClientSession(other, headers=stream_client.headers) as client,
    ):
        await eventually(lambda: ready(client), what="readiness")
        async with listening(client, last=str(events[0].id)) as stream:
            # All of them, in the order in which they happened, from all partitions.
            assert [(await stream.next()).id for _ in events[1:]] == [str(e.id) for e in events[1:]]


@pytest.fixture
async def own_client(
    own_broker: Broker,
    installation: InstallationSettings,
    upstream_address: str,
    tokens: TokenIssuer,
    organization: UUID,
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway whose broker the test may kill."""
    await create_topics(kafka_at(own_broker.bootstrap))
    there = installation.model_copy(update={"kafka_bootstrap": own_broker.bootstrap})
    async with (
        gateway(there, upstream_address) as place,
        aiohttp.ClientSession(place, headers=tokens.headers(organization)) as client,
    ):
        await eventually(lambda: ready(client), what="readiness")
        yield client


async def test_the_stream_continues_after_a_restart_of_the_broker(
    own_broker: Broker, own_client: aiohttp.ClientSession, organization: UUID
) -> None:
    if own_broker.forgets:
        pytest.skip("this broker forgets everything; the local supervisor then restarts the services")
    async with listening(own_client) as stream:
        async with publishing(own_broker.bootstrap) as publisher:
            before = await publisher.upload(organization)
        assert (await stream.next()).id == str(before.id)
        own_broker.kill()
        own_broker.start()
        async with publishing(own_broker.bootstrap) as publisher:
            after = await publisher.upload(organization)
        assert (await stream.next()).id == str(after.id)


async def test_the_stream_continues_after_an_outage_of_the_broker(
    own_broker: Broker, own_client: aiohttp.ClientSession, organization: UUID
) -> None:
    async with listening(own_client) as stream:
        with capture_logs() as log:
            own_broker.kill()
            await eventually(lambda: failed(log, "event stream"), seconds=60, what="the broker's absence")
        own_broker.start()
        if own_broker.forgets:
            await create_topics(kafka_at(own_broker.bootstrap))
        async with publishing(own_broker.bootstrap) as publisher:
            event = await publisher.upload(organization)
            assert (await stream.next()).id == str(event.id)
            # The first event may have come from reading the past; the next one is followed live.
            await publisher.send(event)
            last = await publisher.upload(organization)
            assert (await stream.next()).id == str(last.id)


async def failed(log: list[Any], loop: str) -> bool:
    return any(entry["event"].startswith("loop failed") and entry["loop"] == loop for entry in log)


async def test_added_partitions_are_read(
    own_broker: Broker, own_client: aiohttp.ClientSession, organization: UUID
) -> None:
    if own_broker.forgets:
        pytest.skip("the local broker cannot add partitions to a topic")
    admin = AIOKafkaAdminClient(bootstrap_servers=own_broker.bootstrap)
    await admin.start()
    try:
        added = UPLOAD_RECEIVED.partitions
        await admin.create_partitions({UPLOAD_RECEIVED.name: NewPartitions(added + 1)})
    finally:
        await admin.close()
    async with listening(own_client) as stream, publishing(own_broker.bootstrap) as publisher:
        event = await publisher.upload(organization, partition=added)
        assert (await stream.next()).id == str(event.id)
