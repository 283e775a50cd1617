"""The partitions that the connection to the broker reports."""

from uuid import uuid4

from shared.kafka.connection import KafkaConnection
from shared.settings import InstallationSettings


async def test_asking_for_a_topic_does_not_create_it(installation: InstallationSettings) -> None:
    kafka = KafkaConnection(installation, client_id="test")
    name = uuid4().hex
    for _ in range(2):
        assert await kafka.partitions([name]) == []
