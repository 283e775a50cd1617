"""What the connection to the broker tells of partitions."""

import asyncio
from uuid import uuid4

from aiokafka.structs import TopicPartition

from shared.events.auth import AUDIT_RECORDED
from shared.kafka.connection import KafkaConnection
from shared.settings import InstallationSettings


async def test_a_partition_that_does_not_exist_has_no_end(installation: InstallationSettings) -> None:
    """A broker that lost its memory may have created the topic with fewer partitions than were written to."""
    kafka = KafkaConnection(installation, client_id="test")
    there = TopicPartition(AUDIT_RECORDED.name, 0)
    beyond = TopicPartition(AUDIT_RECORDED.name, AUDIT_RECORDED.partitions)
    elsewhere = TopicPartition(uuid4().hex, 0)
    async with asyncio.timeout(30):
        assert (await kafka.end_offsets([there, beyond, elsewhere])).keys() == {there}
        assert await kafka.end_offsets([elsewhere]) == {}


async def test_asking_for_a_topic_does_not_create_it(installation: InstallationSettings) -> None:
    kafka = KafkaConnection(installation, client_id="test")
    name = uuid4().hex
    for _ in range(2):
        assert await kafka.partitions([name]) == []
