"""A worker of the delivery queue that tests kill.

Run as a process of its own: `python -m tests.integration.alerting.deliveries.dispatcher_process DSN`.
"""

import asyncio
import sys
from datetime import timedelta

from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.dispatcher import Dispatcher
from services.alerting.deliveries.domain import MESSAGE_JOB, QUEUE
from services.alerting.deliveries.webhooks import WebhookSender
from services.alerting.rules.sealing import WebhookSealer
from shared.clock import SystemClock, time_ordered_id
from shared.crypto import Encryptor
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
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
        dispatcher = Dispatcher(units, sender, WebhookSealer(Encryptor(KEYS)), clock, time_ordered_id, RETRY)
        pace = Pace(LEASE, heartbeat_seconds=0.2, poll_seconds=0.1)
        worker = Worker(units.queue, QUEUE, {MESSAGE_JOB: dispatcher}, [Lane(CONCURRENCY)], pace, RETRY)
        async with sender.open(), background(*(loop.run() for loop in worker.loops)):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
