"""A worker of the mail queue, to be killed.

Run as a process of its own: `python -m tests.integration.auth.mail_worker DSN MAIL_URL`.
"""

import asyncio
import sys
from datetime import timedelta

from services.auth.mail.domain import MESSAGE_JOB, QUEUE
from services.auth.mail.sender import MailSender
from shared.clock import SystemClock
from shared.crypto import Encryptor
from shared.jobs.postgres import PostgresQueue
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.mail.transports import transport_for
from shared.postgres.connection import Database
from shared.process import background
from tests.integration.auth.units import units_of

# 32 bytes in base64.
KEYS = "test:" + "A" * 43 + "="
SENDER = "DInsight <dinsight@plant.example>"
# Short, so that the next worker soon gets the jobs of a killed one.
LEASE = timedelta(seconds=1)
RETRY = RetryPolicy(100, first_delay=timedelta(seconds=0.1), max_delay=timedelta(seconds=0.1))


async def main(dsn: str, mail_url: str) -> None:
    async with Database(dsn, service="auth", pool_size=4) as database:
        transport = transport_for(mail_url, SENDER, 10)
        sender = MailSender(units_of(database), transport, Encryptor(KEYS), SystemClock(), RETRY)
        queue = PostgresQueue(database, service="auth")
        pace = Pace(LEASE, heartbeat_seconds=0.2, poll_seconds=0.1)
        worker = Worker(queue, QUEUE, {MESSAGE_JOB: sender}, [Lane(4)], pace, RETRY)
        async with background(*(loop.run() for loop in worker.loops)):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
