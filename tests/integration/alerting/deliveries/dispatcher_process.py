"""A worker of the delivery queue that tests kill.

Run as a process of its own: `python -m tests.integration.alerting.deliveries.dispatcher_process DSN`.
"""

import asyncio
import secrets
import sys
from datetime import timedelta

from services.alerting.acknowledgements.links import LinkMaker
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.chat import ChatSender
from services.alerting.deliveries.content import Composer
from services.alerting.deliveries.courier import Courier
from services.alerting.deliveries.dispatcher import Dispatcher
from services.alerting.deliveries.domain import MESSAGE_JOB, QUEUE
from services.alerting.deliveries.notices import Notices
from services.alerting.deliveries.webhooks import WebhookSender
from services.alerting.rules.sealing import WebhookSealer
from shared.clock import SystemClock, time_ordered_id
from shared.crypto import Encryptor
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.mail.transports import transport_for
from shared.postgres.connection import Database
from shared.process import background

# 32 bytes in base64.
KEYS = "test:" + "A" * 43 + "="
CONCURRENCY = 4
# Short, so that the next worker soon takes over from a killed one.
LEASE = timedelta(seconds=1)
RETRY = RetryPolicy(100, first_delay=timedelta(seconds=0.1), max_delay=timedelta(seconds=0.1))


async def main(dsn: str) -> None:
    clock = SystemClock()
    async with Database(dsn, service="alerting", pool_size=CONCURRENCY) as database:
        units = PostgresUnits(database, clock, time_ordered_id)
        sender = WebhookSender(clock, allow_private=True, timeout_seconds=10)
        encryptor = Encryptor(KEYS)
        mail = transport_for("file:///nowhere", "DInsight <dinsight@example.org>", 1)
        courier = Courier(
            sender,
            mail,
            ChatSender(allow_hosted=False),
            Composer(),
            WebhookSealer(encryptor),
            ContactSealer(encryptor),
        )
        links, notices = LinkMaker("http://127.0.0.1", secrets.token_bytes), Notices(time_ordered_id)
        dispatcher = Dispatcher(units, courier, links, notices, clock, time_ordered_id, RETRY)
        pace = Pace(LEASE, heartbeat_seconds=0.2, poll_seconds=0.1)
        worker = Worker(units.queue, QUEUE, {MESSAGE_JOB: dispatcher}, [Lane(CONCURRENCY)], pace, RETRY)
        async with sender.open(), background(*(loop.run() for loop in worker.loops)):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
