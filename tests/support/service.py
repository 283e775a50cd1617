"""Runs a service's application inside the test's event loop and talks to it over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from aiokafka.admin import AIOKafkaAdminClient
from fastapi import FastAPI

from dinsight.installation import SERVICES
from shared.settings import InstallationSettings
from tests.support.waiting import eventually

SETTLED = {"Stable", "Empty", "Dead"}


@asynccontextmanager
async def started(app: FastAPI, installation: InstallationSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """Start the application with its background work, and give a client.

    A second application of a service joins the consumer group of the first. When the first left before the
    group has settled without the second, the local broker would let nobody into that group again.
    """
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka_bootstrap)
    await admin.start()
    try:
        await eventually(lambda: _groups_have_settled(admin), what="consumer groups without the application")
    finally:
        await admin.close()


@asynccontextmanager
async def running(app: FastAPI, installation: InstallationSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """Start the application, wait until it is ready, and give a client."""
    async with started(app, installation) as client:

        async def ready() -> bool:
            return (await client.get("/health/ready")).status_code == 200

        await eventually(ready, what="readiness")
        yield client


async def _groups_have_settled(admin: AIOKafkaAdminClient) -> bool:
    # One by one: the client cannot read an answer about several.
    for name in (*SERVICES, *(f"{service}-replicas" for service in SERVICES)):
        [answer] = await admin.describe_consumer_groups([name])
        [group] = answer.to_object()["groups"]
        if group["state"] not in SETTLED:
            return False
    return True
