"""The connection to the broker: the settings of all Kafka clients."""

from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from faststream.kafka import KafkaBroker

from shared.settings import InstallationSettings

REQUEST_TIMEOUT_MS = 10_000


class KafkaConnection:
    """Builds clients. It holds no connection itself."""

    def __init__(self, settings: InstallationSettings, *, client_id: str) -> None:
        self.settings = settings
        self.client_id = client_id

    @property
    def bootstrap(self) -> str:
        return self.settings.kafka_bootstrap

    def producer(self) -> AIOKafkaProducer:
        """A producer that waits for all replicas. Consumers drop duplicates, so idempotence is not needed."""
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            client_id=self.client_id,
            acks="all",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            compression_type=None,
        )

    def broker(self) -> KafkaBroker:
        """A FastStream broker for subscribers."""
        return KafkaBroker(
            self.bootstrap,
            client_id=self.client_id,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
            graceful_timeout=15.0,
        )

    async def partitions(self, topics: Iterable[str]) -> Sequence[TopicPartition]:
        """All partitions of the topics. A topic that does not exist has none.

        `partitions_for_topic` of a consumer covers only the topics assigned to it. This method describes all
        topics, because a broker may create a missing topic that is described by name.
        """
        wanted = set(topics)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, client_id=self.client_id)
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
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2_000)
        try:
            await admin.start()
        finally:
            await admin.close()
