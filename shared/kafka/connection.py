"""How this installation talks to its broker: one place for every client's settings."""

from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from faststream.kafka import KafkaBroker

from shared.settings import InstallationSettings

REQUEST_TIMEOUT_MS = 10_000


class KafkaConnection:
    """Builds clients; holds no connection itself."""

    def __init__(self, settings: InstallationSettings, *, client_id: str) -> None:
        self.settings = settings
        self.client_id = client_id

    @property
    def bootstrap(self) -> str:
        return self.settings.kafka_bootstrap

    def producer(self) -> AIOKafkaProducer:
        """A producer that waits for all replicas. Consumers drop repeats, so idempotence is not needed."""
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
        """Every partition of the topics, as the broker knows them now; of a missing topic there is none.

        A consumer's own `partitions_for_topic` knows nothing of topics that it has not been assigned. All
        topics are described: a broker creates those that it is asked for by name and does not have.
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
        """Raise KafkaError or OSError when the broker does not answer."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2_000)
        try:
            await admin.start()
        finally:
            await admin.close()
