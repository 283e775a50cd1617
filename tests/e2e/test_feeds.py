"""A feed: an organization's own systems read its events, and nothing else, until the feed is deleted."""

import asyncio
import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from shared.kafka.connection import KafkaConnection
from shared.settings import InstallationSettings
from tests.e2e.plant import Plant, eventually
from tests.servers import BOOTSTRAP_VARIABLE, KAFKA_VARIABLE
from tests.stack import Stack

pytestmark = pytest.mark.skipif(
    os.environ.get(KAFKA_VARIABLE) != "apache" or bool(os.environ.get(BOOTSTRAP_VARIABLE)),
    reason="runs under `make test-kafka`",
)


def connection(stack: Stack, feed: dict[str, Any]) -> KafkaConnection:
    """As a system of the organization would connect."""
    settings = InstallationSettings(
        kafka_bootstrap=feed["bootstrap"],
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username=feed["user"],
        kafka_sasl_password=SecretStr(feed["password"]),
        kafka_ca=str(stack.apache_kafka().authority),
    )
    return KafkaConnection(settings, client_id="erp")


@pytest.fixture
def theirs(stack: Stack) -> Iterator[Plant]:
    with Plant.joined(stack.gateway_url) as joined:
        yield joined


def test_a_feed_has_the_events_of_its_organization_alone(stack: Stack, plant: Plant, theirs: Plant) -> None:
    own = plant.get("/organizations")["items"][0]["id"]
    place = f"/organizations/{own}/feed"
    url = f"{stack.gateway_url}/api/v1{place}"
    put = httpx2.put(url, headers=plant.headers)
    assert put.status_code == 200, put.text
    feed = put.json()
    eventually(lambda: plant.get(place)["status"] == "ready", seconds=60, what="the feed")
    assert "password" not in plant.get(place)["feed"]
    numbers = itertools.count()

    def told() -> list[dict[str, Any]]:
        """Relays look for feeds every few seconds, and copy no earlier events."""
        name = f"M{next(numbers)}"
        theirs.machine(name)
        plant.machine(name)
        return asyncio.run(until(stack, feed, name))

    events = eventually(told, seconds=180, what="a machine on the feed")
    assert {event["ce_organizationid"] for event in events} == {own}
    others = asyncio.run(connection(stack, feed).partitions(["machine.changed", "audit.recorded"]))
    assert others == []
    assert httpx2.delete(url, headers=plant.headers).status_code == 204
    eventually(lambda: asyncio.run(refused(stack, feed)), seconds=60, what="the end of the user")
    assert plant.get(place) == {"status": "none", "feed": None}


async def until(stack: Stack, feed: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The headers of all events, once the machine of this name is told of; none if it is not for a while."""
    found: list[dict[str, Any]] = []
    kafka = connection(stack, feed)
    async with kafka.consumer(feed["topic"], group_id=f"{feed['consumer_groups']}-{name}") as consumer:
        while True:
            try:
                record = await asyncio.wait_for(consumer.getone(), 10)
            except TimeoutError:
                return []
            found.append({header: value.decode() for header, value in record.headers})
            if json.loads(record.value).get("name") == name:
                return found


async def refused(stack: Stack, feed: dict[str, Any]) -> bool:
    try:
        await connection(stack, feed).ping()
    except (KafkaError, OSError):
        return True
    return False
