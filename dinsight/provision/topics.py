"""Creates the installation's topics, with their partitions, before anything writes to them."""

from collections.abc import Iterator

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from shared.events.registry import TOPICS

# Dead letters are few, and read by people.
DEAD_LETTER_PARTITIONS = 1


def _wanted(replication_factor: int) -> Iterator[NewTopic]:
    for topic in TOPICS:
        policy = {"cleanup.policy": "compact"} if topic.compacted else None
        yield NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=policy)
        yield NewTopic(topic.dead_letter, DEAD_LETTER_PARTITIONS, replication_factor)


async def create_topics(bootstrap: str, replication_factor: int = 1) -> list[str]:
    """Create missing topics and return their names. Safe to repeat, also in parallel."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    created: list[str] = []
    try:
        existing = set(await admin.list_topics())
        for topic in _wanted(replication_factor):
            if topic.name in existing:
                continue
            try:
                await admin.create_topics([topic])
            except TopicAlreadyExistsError:
                continue
            created.append(topic.name)
    finally:
        await admin.close()
    return created
