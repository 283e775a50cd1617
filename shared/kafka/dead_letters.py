"""Dead letters: records that a consumer cannot handle, kept together with the reason.

Values are kept unchanged. In keys and headers, backslash and zero replace NUL, which PostgreSQL stores in no
text; in keys, U+FFFD replaces what is not UTF-8.

They are published through the outbox of the service, so that they are as durable as events.
"""

from typing import Any

import structlog
from aiokafka import ConsumerRecord

from shared.access import Scope
from shared.clock import IdGenerator
from shared.events.base import Topic
from shared.events.codec import header_texts
from shared.kafka.outbox import write_record
from shared.postgres.connection import Database

MAX_REASON_LENGTH = 2000

logger = structlog.get_logger(__name__)


class DeadLetters:
    def __init__(self, database: Database, new_id: IdGenerator, *, group: str) -> None:
        self._database = database
        self._new_id = new_id
        self._group = group

    async def add(self, topic: Topic[Any], record: ConsumerRecord[bytes, bytes], reason: str) -> None:
        """Write the record to the dead-letter topic of its topic, through the outbox."""
        logger.error(
            "record dead-lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=reason,
        )
        headers = header_texts(record.headers)
        headers |= {
            "dead-letter-reason": reason.encode("utf-8", "replace").decode("latin-1")[:MAX_REASON_LENGTH],
            "dead-letter-group": self._group,
            "dead-letter-topic": record.topic,
            "dead-letter-partition": str(record.partition),
            "dead-letter-offset": str(record.offset),
        }
        key = None if record.key is None else _storable(record.key.decode("utf-8", "replace"))
        headers = {_storable(name): _storable(text) for name, text in headers.items()}
        async with self._database.transaction(Scope()) as connection:
            await write_record(connection, self._new_id(), topic.dead_letter, key, record.value, headers)


def _storable(text: str) -> str:
    return text.replace("\0", "\\0")
