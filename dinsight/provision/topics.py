"""Creates the topics with their partitions before anything writes to them, and the users of the broker."""

from collections.abc import Iterator, Mapping

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from dinsight.provision.rights import rights_of
from shared.events.registry import TOPICS
from shared.kafka.administration import BrokerAdministration
from shared.kafka.connection import KafkaConnection
from shared.settings import InstallationSettings

# Dead letters are few, and read by people.
DEAD_LETTER_PARTITIONS = 1


def _wanted(replication_factor: int) -> Iterator[NewTopic]:
    for topic in TOPICS:
        policy = {"cleanup.policy": "compact"} if topic.compacted else None
        yield NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=policy)
        yield NewTopic(topic.dead_letter, DEAD_LETTER_PARTITIONS, replication_factor)


async def create_topics(kafka: KafkaConnection, replication_factor: int = 1) -> list[str]:
    """Create missing topics and return their names. Safe to repeat, also in parallel."""
    admin = kafka.admin()
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


async def set_users(settings: InstallationSettings, passwords: Mapping[str, str]) -> None:
    """Create the users of a broker with logins, or change their passwords, and set what each may do."""
    administration = BrokerAdministration(settings)
    for user, password in passwords.items():
        await administration.set_user(user, password)
        await administration.set_rights(user, rights_of(user))
