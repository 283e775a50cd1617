"""Apache Kafka with logins: who gets in, and what each user may do there. As in `docker-compose.yml`."""

import asyncio
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from pydantic import SecretStr

from dinsight.certificates import make_certificates
from dinsight.installation import BROKER_USERS, broker_password_variable
from dinsight.provision.rights import DOWNSTREAM, SUBSCRIPTIONS, rights_of
from services.auth.feeds.broker import PARTITIONS, KafkaFeedBroker
from shared.events.base import EVERY_SERVICE
from shared.events.feeds import feed_topic
from shared.events.registry import BY_NAME, DOCUMENTED, TOPICS
from shared.kafka.administration import BrokerAdministration, KafkaException, Right
from shared.kafka.connection import KafkaConnection
from shared.kafka.relay import MARK_PUBLISHED, Relay
from shared.process import background
from shared.settings import InstallationSettings
from tests.servers import BOOTSTRAP_VARIABLE, KAFKA_VARIABLE
from tests.stack import Stack
from tests.support.installation import kafka_at
from tests.support.signing import signer

pytestmark = pytest.mark.skipif(
    os.environ.get(KAFKA_VARIABLE) != "apache" or bool(os.environ.get(BOOTSTRAP_VARIABLE)),
    reason="runs under `make test-kafka`",
)
ADMINISTRATION = "admin"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A broker that `dinsight provision topics` has prepared, with a record on each topic."""
    with Stack(servers_only=True) as running:
        asyncio.run(fill(kafka_at(running.kafka_bootstrap)))
        yield running


async def fill(kafka: KafkaConnection) -> None:
    async with kafka.producer() as producer:
        for topic in TOPICS:
            for partition in range(topic.partitions):
                await producer.send_and_wait(topic.name, b"{}", key=b"key", partition=partition)


def settings_of(stack: Stack, user: str) -> InstallationSettings:
    kafka = stack.apache_kafka()
    return InstallationSettings(
        kafka_bootstrap=f"127.0.0.1:{kafka.secured_port}",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="PLAIN" if user == ADMINISTRATION else "SCRAM-SHA-512",
        kafka_sasl_username=user,
        kafka_sasl_password=SecretStr(stack.env[broker_password_variable(user)]),
        kafka_ca=str(kafka.authority),
    )


def as_user(stack: Stack, user: str) -> KafkaConnection:
    return KafkaConnection(settings_of(stack, user), client_id=user)


async def write(kafka: KafkaConnection, topic: str) -> None:
    async with kafka.producer() as producer:
        await producer.send_and_wait(topic, b"{}", key=b"key")


async def read(kafka: KafkaConnection, topic: str) -> None:
    """Raises TopicAuthorizationFailedError, also where the broker does not even tell of the topic."""
    places = await kafka.partitions([topic])
    if not places:
        raise TopicAuthorizationFailedError(topic)
    async with kafka.consumer() as consumer:
        consumer.assign(places)
        await consumer.getone()


async def test_who_has_no_login_does_not_get_in(stack: Stack, tmp_path: Path) -> None:
    right = settings_of(stack, "auth")
    await KafkaConnection(right, client_id="test").ping()
    other = tmp_path / "other.pem"
    other.write_text(make_certificates(["127.0.0.1"]).authority)
    anonymous = {"kafka_sasl_username": "", "kafka_sasl_password": SecretStr("")}
    for wrong in (
        {"kafka_security_protocol": "PLAINTEXT", **anonymous},
        {"kafka_security_protocol": "SSL", **anonymous},
        {"kafka_security_protocol": "SASL_PLAINTEXT"},
        {"kafka_sasl_password": SecretStr("guessed")},
        {"kafka_sasl_username": "nobody"},
        {"kafka_sasl_username": "machines"},
        {"kafka_sasl_mechanism": "PLAIN"},
        # The broker must show who it is, too: its authority, and its name.
        {"kafka_ca": str(other)},
        {"kafka_ca": ""},
    ):
        with pytest.raises((KafkaError, OSError)):
            await KafkaConnection(right.model_copy(update=wrong), client_id="test").ping()


@pytest.mark.parametrize("user", BROKER_USERS)
async def test_a_user_writes_and_reads_what_is_its_own_and_nothing_else(stack: Stack, user: str) -> None:
    kafka = as_user(stack, user)
    for topic in TOPICS:
        writes = user in EVERY_SERVICE and topic.producer in (user, "every service")
        readable = topic in DOCUMENTED if user == DOWNSTREAM else topic.name in SUBSCRIPTIONS[user]
        for allowed, attempt in ((writes, write), (readable, read)):
            if allowed:
                await attempt(kafka, topic.name)
            else:
                with pytest.raises(TopicAuthorizationFailedError):
                    await attempt(kafka, topic.name)


@pytest.mark.parametrize("user", [DOWNSTREAM, "gateway", "machines"])
async def test_a_user_cannot_join_the_groups_of_others(stack: Stack, user: str) -> None:
    topic = SUBSCRIPTIONS.get(user, ("anomaly.detected",))[0]
    consumer = as_user(stack, user).consumer(topic, group_id="alerting")
    with pytest.raises(GroupAuthorizationFailedError):
        await consumer.start()
    await consumer.stop()


async def test_rights_are_set_anew_and_what_is_too_much_is_taken_away(stack: Stack) -> None:
    administration = BrokerAdministration(settings_of(stack, ADMINISTRATION))
    user, right = f"user-{uuid4().hex[:8]}", Right("topic", "anomaly.detected", "read")
    await administration.set_user(user, "first")
    await administration.set_rights(user, {right, Right("topic", "feed.", "write", prefixed=True)})
    await administration.set_rights(user, {right})
    assert await administration.rights(user) == {right}
    assert await administration.rights("alerting") == rights_of("alerting")
    await administration.set_user(user, "second")
    own = settings_of(stack, "auth").model_copy(update={"kafka_sasl_username": user})
    login = partial(own.model_copy, update={"kafka_sasl_password": SecretStr("second")})
    await KafkaConnection(login(), client_id="test").ping()
    await administration.delete_user(user)
    await administration.delete_user(user)
    assert await administration.rights(user) == set()
    with pytest.raises(KafkaError):
        await KafkaConnection(login(), client_id="test").ping()


async def test_a_service_cannot_give_itself_rights(stack: Stack) -> None:
    for user in ("machines", "gateway", DOWNSTREAM):
        administration = BrokerAdministration(settings_of(stack, user))
        with pytest.raises(KafkaException):
            await administration.set_rights(user, {Right("topic", "audit.recorded", "read")})
        with pytest.raises(KafkaException):
            await administration.set_user("auth", "mine now")
    assert BY_NAME["audit.recorded"].signed_by is not None


async def test_auth_makes_a_feed_whose_user_reads_it_alone(stack: Stack) -> None:
    broker, topic = KafkaFeedBroker(as_user(stack, "auth")), feed_topic(uuid4())
    for password in ("first", "second", "second"):
        await broker.make(topic, password)
    login = {"kafka_sasl_username": topic, "kafka_sasl_password": SecretStr("second")}
    owner = KafkaConnection(settings_of(stack, "auth").model_copy(update=login), client_id="test")
    for partition in range(PARTITIONS):
        async with as_user(stack, "machines").producer() as producer:
            await producer.send_and_wait(topic, b"{}", partition=partition)
    await read(owner, topic)
    with pytest.raises(TopicAuthorizationFailedError):
        await write(owner, topic)
    for other in (*BY_NAME, feed_topic(uuid4())):
        with pytest.raises(TopicAuthorizationFailedError):
            await read(owner, other)
    for _ in range(2):
        await broker.remove(topic)
    with pytest.raises(KafkaError):
        await owner.ping()
    assert await kafka_at(stack.kafka_bootstrap).partitions([topic]) == []


class FakeOutbox:
    """A database with an outbox of events of an organization, and the session of its relay."""

    def __init__(self, organization: object, events: int) -> None:
        headers = {"ce_id": "1", "ce_organizationid": str(organization)}
        event = {"topic": "anomaly.detected", "key": "key", "value": b"{}", "headers": headers}
        self._waiting = [{"seq": seq, **event} for seq in range(events)]
        self.published = asyncio.Event()

    async def connect(self) -> Any:
        return self

    async def fetchval(self, *_: object) -> bool:
        return True

    async def fetch(self, *_: object) -> list[dict[str, object]]:
        return list(self._waiting)

    async def fetchrow(self, *_: object) -> None:
        """Nothing to measure."""

    async def execute(self, query: str, published: list[int]) -> None:
        assert query == MARK_PUBLISHED
        self._waiting = [row for row in self._waiting if row["seq"] not in published]
        if not self._waiting:
            self.published.set()

    async def add_listener(self, *_: object) -> None:
        """Polling suffices."""

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_feed_that_refuses_its_copies_holds_no_event_up(stack: Stack) -> None:
    organization, user = uuid4(), f"user-{uuid4().hex[:8]}"
    administration = BrokerAdministration(settings_of(stack, ADMINISTRATION))
    feeds = KafkaFeedBroker(as_user(stack, "auth"))
    await feeds.make(feed_topic(organization), "password")
    await administration.set_user(user, "password")
    # It sees the feed, and cannot write to it.
    seen = Right("topic", "feed.", "read", prefixed=True)
    await administration.set_rights(user, {seen, Right("topic", "anomaly.detected", "write")})
    login = {"kafka_sasl_username": user, "kafka_sasl_password": SecretStr("password")}
    kafka = KafkaConnection(settings_of(stack, "auth").model_copy(update=login), client_id=user)
    outbox: Any = FakeOutbox(organization, 3)
    async with background(Relay(outbox, kafka, signer("auth"), service="machines").loop.run()):
        await asyncio.wait_for(outbox.published.wait(), 60)
    await feeds.remove(feed_topic(organization))
    await administration.delete_user(user)
