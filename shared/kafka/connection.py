"""The connection to the broker: the settings of all Kafka clients."""

import ssl
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.events.base import Event, P, Topic
from shared.events.codec import UndecodableRecord, decode
from shared.events.signatures import EventVerifier, SignatureError
from shared.settings import InstallationSettings

REQUEST_TIMEOUT_MS = 10_000
PING_TIMEOUT_MS = 2_000
LOGINS = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


class Record(Protocol):
    """What is read of a record."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class KafkaConnection:
    """Builds clients. It holds no connection itself."""

    def __init__(self, settings: InstallationSettings, *, client_id: str) -> None:
        self.settings = settings
        self.client_id = client_id

    def producer(self) -> AIOKafkaProducer:
        """A producer that waits for all replicas. Consumers drop duplicates, so idempotence is not needed."""
        return AIOKafkaProducer(
            **self._client, acks="all", request_timeout_ms=REQUEST_TIMEOUT_MS, compression_type=None
        )

    def consumer(self, *topics: str, **options: Any) -> AIOKafkaConsumer:
        """A consumer, without a group unless one is named, from the beginning of each topic."""
        chosen = {"enable_auto_commit": False, "auto_offset_reset": "earliest", **options}
        return AIOKafkaConsumer(*topics, **self._client, **chosen)

    def admin(self, **options: Any) -> AIOKafkaAdminClient:
        return AIOKafkaAdminClient(**self._client, **options)

    def broker(self) -> KafkaBroker:
        """A FastStream broker for subscribers."""
        return KafkaBroker(
            self.settings.kafka_bootstrap,
            client_id=self.client_id,
            security=self._security,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
            graceful_timeout=15.0,
        )

    def event(self, topic: Topic[P], record: Record) -> Event[P]:
        """The event in a record. Raises UndecodableRecord, also if no owner of its topic signed it."""
        event = decode(topic, record.key, record.value, record.headers)
        try:
            self._verifier.verify(event, record.key, record.value, record.headers)
        except SignatureError as error:
            raise UndecodableRecord(f"SignatureError: {error}") from error
        return event

    async def partitions(self, topics: Iterable[str]) -> Sequence[TopicPartition]:
        """All partitions of the topics. A topic that does not exist has none.

        `partitions_for_topic` of a consumer covers only the topics assigned to it. This method describes all
        topics, because a broker may create a missing topic that is described by name.
        """
        wanted = set(topics)
        admin = self.admin()
        try:
            await admin.start()
            described = await admin.describe_topics()
        finally:
            await admin.close()
        return sorted(
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            if topic["topic"] in wanted and not topic["error_code"]
            for partition in topic["partitions"]
        )

    async def ping(self) -> None:
        """Raise KafkaError or OSError if the broker does not respond."""
        admin = self.admin(request_timeout_ms=PING_TIMEOUT_MS)
        try:
            await admin.start()
        finally:
            await admin.close()

    @property
    def _client(self) -> dict[str, Any]:
        """What every client of aiokafka is told."""
        settings = self.settings
        return {
            "bootstrap_servers": settings.kafka_bootstrap,
            "client_id": self.client_id,
            "security_protocol": settings.kafka_security_protocol,
            "ssl_context": self._ssl_context,
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username or None,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value() or None,
        }

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext | None:
        """The broker's certificate must be of the authority and name the host; None without encryption."""
        if not self.settings.kafka_encrypted:
            return None
        return ssl.create_default_context(cafile=self.settings.kafka_ca or None)

    @property
    def _security(self) -> BaseSecurity:
        settings = self.settings
        if not settings.kafka_has_logins:
            return BaseSecurity(ssl_context=self._ssl_context)
        login = LOGINS[settings.kafka_sasl_mechanism]
        password = settings.kafka_sasl_password.get_secret_value()
        return login(settings.kafka_sasl_username, password, ssl_context=self._ssl_context)

    @cached_property
    def _verifier(self) -> EventVerifier:
        return EventVerifier(self.settings.event_public_keys)
