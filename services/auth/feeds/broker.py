"""Feeds on Apache Kafka."""

from contextlib import suppress

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from shared.events.auth import ORGANIZATION_CHANGED
from shared.kafka.administration import BrokerAdministration, Right
from shared.kafka.connection import KafkaConnection

# An organization's events are few. Those of a machine stay in order within their partition.
PARTITIONS = 3


class KafkaFeedBroker:
    """Raises KafkaError, KafkaException, OSError."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._administration = BrokerAdministration(kafka.settings)

    async def make(self, topic: str, password: str) -> None:
        with suppress(TopicAlreadyExistsError):
            await self._create(topic)
        await self._administration.set_user(topic, password)
        await self._administration.set_rights(
            topic,
            {
                Right("topic", topic, "read"),
                Right("topic", topic, "describe"),
                Right("group", topic, "read", prefixed=True),
            },
        )

    async def remove(self, topic: str) -> None:
        if not self._kafka.settings.kafka_has_logins:
            return  # there are no feeds
        await self._administration.delete_user(topic)
        admin = self._kafka.admin()
        try:
            await admin.start()
            answer = await admin.delete_topics([topic])
        finally:
            await admin.close()
        codes: list[tuple[str, int]] = answer.topic_error_codes  # type: ignore[attr-defined]  # of every version
        for name, code in codes:
            error = for_code(code)
            if code and error is not UnknownTopicOrPartitionError:
                raise error(name)

    async def _create(self, topic: str) -> None:
        admin = self._kafka.admin()
        try:
            await admin.start()
            # Replicated as what is copied to it.
            [copied] = await admin.describe_topics([ORGANIZATION_CHANGED.name])
            replicas = len(copied["partitions"][0]["replicas"])
            await admin.create_topics([NewTopic(topic, PARTITIONS, replicas)])
        finally:
            await admin.close()
