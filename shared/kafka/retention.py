"""Retention of published events (outbox) and of handled event ids (inbox)."""

from collections.abc import Mapping
from datetime import timedelta

from shared.access import Scope
from shared.jobs.janitor import Chore, Janitor
from shared.postgres.connection import Database

ROUND_SECONDS = 600.0

# Conditions on a row `t`; $1 is how long rows are kept. The latest state of each key stays.
PUBLISHED = """
published_at < clock_timestamp() - $1::interval AND (
    NOT keep_latest
    OR EXISTS (SELECT FROM outbox n WHERE n.topic = t.topic AND n.key = t.key AND n.seq > t.seq)
)
"""
HANDLED = "received_at < clock_timestamp() - $1::interval"
PRUNE_OUTBOX = f"DELETE FROM outbox AS t WHERE {PUBLISHED}"  # noqa: S608 - a constant
PRUNE_INBOX = f"DELETE FROM inbox AS t WHERE {HANDLED}"  # noqa: S608 - a constant


def messaging_janitor(database: Database, *, service: str, outbox: timedelta, inbox: timedelta) -> Janitor:
    """A janitor that deletes published events older than `outbox`, except the latest state of each key, and
    ids of handled events older than `inbox`."""

    async def prune(statement: str, retention: timedelta) -> None:
        async with database.transaction(Scope()) as connection:
            await connection.execute(statement, retention)

    chores: Mapping[str, Chore] = {
        "outbox": lambda: prune(PRUNE_OUTBOX, outbox),
        "inbox": lambda: prune(PRUNE_INBOX, inbox),
    }
    return Janitor(f"{service} messaging janitor", chores, every=ROUND_SECONDS)
