"""Sets the kept events of a service's outbox to be published again, fenced against the relay at work.

An event that a broker acknowledged just before it died may be marked as published just after the outbox was
reset: it would be on no broker, and never be published. The relay marks on the session that holds its lock.
So that session is ended and the lock taken; from then on nobody marks, and the events are reset. The relay
comes back, waits for the lock until this session ends, and publishes all of them in order.
"""

from __future__ import annotations

import asyncio

from dinsight.administrator import acting_as, connected
from shared.kafka.leadership import relay_lock
from shared.postgres.connection import Connection

# Other relays that stand by may take the lock a few times before it is ours; each loses it at the next round.
ROUND_SECONDS = 0.2
PATIENCE_SECONDS = 30.0

# An advisory lock's key of 64 bits is listed in two halves.
END_HOLDERS = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint = $1::bigint >> 32 AND objid::bigint = $1::bigint & 4294967295 AND pid <> $2
"""
PUBLISH_AGAIN = "UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL AND NOT transient"


class RelayKeptItsLock(Exception):
    """Nothing was changed: the relay's session could not be ended."""


async def republish(admin_dsn: str, service: str) -> int:
    """Reset the service's published events, but for those that are worthless later; gives how many."""
    async with connected(admin_dsn) as holder:
        async with connected(admin_dsn) as other:
            await _take(holder, other, relay_lock(service))
        async with holder.transaction(), acting_as(holder, service):
            status: str = await holder.execute(PUBLISH_AGAIN)
    return int(status.split()[1])


async def _take(holder: Connection, other: Connection, lock: int) -> None:
    """Take the lock from whoever has it. The server gives it to who waits before it gives it to who tries."""
    mine = holder.get_server_pid()
    waiting = asyncio.create_task(holder.execute("SELECT pg_advisory_lock($1)", lock))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await asyncio.wait({waiting}, timeout=ROUND_SECONDS))[0]:
                await other.execute(END_HOLDERS, lock, mine)
        await waiting
    except TimeoutError as error:
        raise RelayKeptItsLock from error
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
