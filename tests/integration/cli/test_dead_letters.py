"""Dead letters are listed from the broker and put back on their topics, once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from dinsight.cli import build
from dinsight.dead_letters.records import DeadLetter, newer_states, read_dead_letters
from dinsight.installation import DATABASE_URL, EVENT_PUBLIC_KEYS, KAFKA_BOOTSTRAP, Installation
from shared.clock import time_ordered_id
from shared.events.auth import AUDIT_RECORDED, ORGANIZATION_CHANGED, AuditRecorded, OrganizationChanged
from shared.events.base import Event, Payload, Topic
from shared.events.codec import encode
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer
from shared.kafka.relay import Relay
from shared.postgres.connection import Database
from shared.process import background
from shared.settings import InstallationSettings
from tests.support.installation import TestDatabase, kafka_at
from tests.support.messaging import MessagingUnit, MessagingUnits
from tests.support.signing import PUBLIC_KEYS, encode_signed, signer
from tests.support.waiting import eventually

SERVICE = "machines"


class Handler:
    """Refuses the events of one key while it is broken."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.broken = True
        self.handled: list[str | None] = []

    async def __call__(self, event: Event[AuditRecorded], _unit: MessagingUnit) -> None:
        if event.payload.action != self.action:
            return
        if self.broken:
            raise ValueError("not today, \x1b[31mtoday is broken")
        self.handled.append(event.payload.resource_type)


@pytest.fixture(scope="module")
async def pool(database: TestDatabase) -> AsyncIterator[Database]:
    async with Database(database.dsn(SERVICE), service=SERVICE, pool_size=5) as opened:
        yield opened


Command = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def command(database: TestDatabase, bootstrap: str) -> Command:
    addresses = {DATABASE_URL: database.admin_dsn, KAFKA_BOOTSTRAP: bootstrap}
    return command_on({**addresses, EVENT_PUBLIC_KEYS: PUBLIC_KEYS})


def command_on(variables: Mapping[str, str]) -> Command:
    """Runs `dinsight dead-letters ...` as a process would: on an event loop of its own."""
    app = build(lambda: Installation(variables))

    async def run(*arguments: str) -> tuple[int, str]:
        invoke = partial(CliRunner().invoke, app, ["dead-letters", *arguments], env={"COLUMNS": "250"})
        result = await asyncio.to_thread(invoke)
        return result.exit_code, result.output

    return run


@asynccontextmanager
async def at_work(
    pool: Database, installation: InstallationSettings, handler: Handler
) -> AsyncIterator[None]:
    """A consumer of a service, and the service's relay."""
    kafka = KafkaConnection(installation, client_id="test")
    group = f"{SERVICE}-{uuid4().hex[:8]}"
    consumer = Consumer(kafka, pool, MessagingUnits(pool), time_ordered_id, group=group)
    consumer.on(AUDIT_RECORDED, handler)
    relay = Relay(pool, kafka, signer(SERVICE), service=SERVICE)
    async with background(consumer.loop.run(), relay.loop.run()):
        yield


def event(topic: Topic[Payload], payload: Payload, key: UUID) -> Event[Payload]:
    return Event(uuid4(), topic, str(key), None, datetime.now(UTC), payload)


async def send(bootstrap: str, *events: Event[Payload]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for one in events:
            value, headers = encode_signed(one)
            own = [*headers.items(), ("traceparent", b"00-1-1-00")]
            await producer.send_and_wait(one.topic.name, value, key=one.key.encode(), headers=own)
    finally:
        await producer.stop()


def audited(action: str, key: UUID, what: str) -> Event[Payload]:
    payload = AuditRecorded(user_id=None, action=action, resource_type=what, occurred_at=datetime.now(UTC))
    return event(AUDIT_RECORDED, payload, key)  # type: ignore[arg-type]


async def dead_letters_of(bootstrap: str, key: UUID, count: int) -> list[DeadLetter]:
    async def found() -> list[DeadLetter]:
        records = await read_dead_letters(kafka_at(bootstrap), [AUDIT_RECORDED])
        mine = [letter for letter in records if letter.key == str(key).encode()]
        return mine if len(mine) == count else []

    return await eventually(found, what=f"{count} dead letters")


async def test_a_dead_letter_is_listed_replayed_once_and_handled_once(
    pool: Database, installation: InstallationSettings, bootstrap: str, command: Command
) -> None:
    key, action = uuid4(), uuid4().hex
    handler = Handler(action)
    first, second = audited(action, key, "first"), audited(action, key, "second")
    async with at_work(pool, installation, handler):
        await send(bootstrap, first, second)
        records = await dead_letters_of(bootstrap, key, 2)
        code, shown = await command("list", "--topic", AUDIT_RECORDED.name)
        assert code == 0
        for letter in records:
            assert letter.id in shown
            assert f"{letter.partition}:{letter.offset}" in shown
        assert f"ValueError: not today, {' '}[31mtoday is broken" in shown
        assert "\x1b" not in shown

        handler.broken = False
        code, told = await command("replay", "--id", records[0].id)
        assert (code, told.strip()) == (
            0,
            f"{records[0].id} {AUDIT_RECORDED.name}: queued for the relay of {SERVICE}",
        )

        async def handled() -> bool:
            return handler.handled == ["first"]

        await eventually(handled, what="the replayed event's effect")
        again = await command("replay", "--id", records[0].id)
        assert again == (0, f"{records[0].id} {AUDIT_RECORDED.name}: already replayed\n")

        async def noted() -> bool:
            return records[0].id not in (await command("list"))[1]

        await eventually(noted, what="the note of the replay")
        assert records[1].id in (await command("list"))[1]
        assert records[0].id in (await command("list", "--replayed"))[1]

        code, told = await command("replay", "--all", "--topic", AUDIT_RECORDED.name)
        assert f"{records[1].id} {AUDIT_RECORDED.name}: queued for the relay" in told
        # Sent by its producer once more: the inbox knows the event by its id.
        await send(bootstrap, second, audited(action, key, "third"))

        async def all_handled() -> bool:
            return "third" in handler.handled

        await eventually(all_handled, what="the last event")
        assert handler.handled == ["first", "second", "third"]


async def test_a_replay_gives_the_record_as_it_was(
    pool: Database, installation: InstallationSettings, bootstrap: str, command: Command
) -> None:
    key, action = uuid4(), uuid4().hex
    handler = Handler(action)
    sent = audited(action, key, "ümlaut")
    value, headers = encode_signed(sent)
    async with at_work(pool, installation, handler):
        await send(bootstrap, sent)
        [letter] = await dead_letters_of(bootstrap, key, 1)
        assert letter.value == value
        assert dict(letter.headers) == {**headers, "traceparent": b"00-1-1-00"}
        await command("replay", "--id", letter.id)
        # It is refused again: dead-lettered anew, as another record.
        records = await dead_letters_of(bootstrap, key, 2)
    assert len({record.id for record in records}) == 2
    assert records[1].value == value
    assert dict(records[1].headers) == dict(letter.headers)
    assert [record.replayed for record in records] == [True, False]


async def test_an_old_state_does_not_follow_a_newer_one(
    pool: Database, installation: InstallationSettings, bootstrap: str
) -> None:
    """Compaction keeps the last record of a key: it must stay the newest state."""
    key = uuid4()

    def state(version: int) -> Event[Payload]:
        payload = OrganizationChanged(
            organization_id=key,
            name="n",
            slug="n",
            is_active=True,
            version=version,
            changed_at=datetime.now(UTC),
        )
        return event(ORGANIZATION_CHANGED, payload, key)  # type: ignore[arg-type]

    def letter(one: Event[Payload], record_id: str) -> DeadLetter:
        value, headers = encode_signed(one)
        place = ("machines", "", "0", "0", datetime.now(UTC))
        return DeadLetter(
            record_id, ORGANIZATION_CHANGED.name, *place, one.key.encode(), value, [*headers.items()]
        )

    await send(bootstrap, state(1), state(2))
    records = [letter(state(1), "old"), letter(state(2), "newest"), letter(state(3), "newer")]
    assert await newer_states(kafka_at(bootstrap), records) == {"old"}


async def test_misspelled_keys_are_reported(command: Command) -> None:
    code, told = await command("replay")
    assert code == 1
    assert "--all" in told
    code, told = await command("replay", "--id", "nonesuch")
    assert code == 1
    assert "No dead letter has the id nonesuch" in told
    code, told = await command("list", "--topic", "nonesuch")
    assert code == 1
    assert "machine.changed" in told


async def test_a_broker_that_is_away_is_named() -> None:
    code, told = await command_on({KAFKA_BOOTSTRAP: "127.0.0.1:9"})("list")
    assert code == 1
    assert "The broker at 127.0.0.1:9 (DINSIGHT_KAFKA_BOOTSTRAP)" in told


async def test_a_forged_event_is_dead_lettered_and_never_replayed(
    pool: Database, installation: InstallationSettings, bootstrap: str, command: Command
) -> None:
    """Its replay would be signed by the relay, and be believed."""
    key, action = uuid4(), uuid4().hex
    handler = Handler(action)
    handler.broken = False
    forged, true = audited(action, key, "forged"), audited(action, key, "true")
    value, headers = encode(forged)
    async with at_work(pool, installation, handler):
        async with kafka_at(bootstrap).producer() as producer:
            content = {"value": value, "key": forged.key.encode(), "headers": list(headers.items())}
            await producer.send_and_wait(AUDIT_RECORDED.name, **content)
        [letter] = await dead_letters_of(bootstrap, key, 1)
        assert letter.reason == "SignatureError: the event is not signed"
        code, told = await command("replay", "--id", letter.id)
        assert code == 0
        assert f"{letter.id} {AUDIT_RECORDED.name}: refused: SignatureError: the event is not signed" in told
        await send(bootstrap, true)

        async def handled() -> bool:
            return handler.handled == ["true"]

        await eventually(handled, what="the event after the forged one")
