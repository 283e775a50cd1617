"""Steps of every service: deletes published events, ids of handled events, and kept answers."""

from __future__ import annotations

from datetime import timedelta

from dinsight.installation import SERVICES
from dinsight.maintenance.place import Done, Place, delete_rows
from shared.http.idempotency import KEPT_FOR
from shared.kafka.retention import HANDLED, PUBLISHED
from shared.postgres.connection import Connection

ANSWERED = "created_at < clock_timestamp() - $1::interval"


async def delete_events(place: Place, connection: Connection) -> Done:
    kept = timedelta(hours=place.installation.outbox_retention_hours)
    return await _of_all(place, connection, "outbox", PUBLISHED, kept)


async def delete_event_ids(place: Place, connection: Connection) -> Done:
    kept = timedelta(hours=place.installation.inbox_retention_hours)
    return await _of_all(place, connection, "inbox", HANDLED, kept)


async def delete_answers(place: Place, connection: Connection) -> Done:
    """Otherwise those of a user who does not come back stay for ever."""
    return await _of_all(place, connection, "idempotency_keys", ANSWERED, KEPT_FOR)


async def _of_all(place: Place, connection: Connection, table: str, condition: str, kept: timedelta) -> Done:
    done = Done()
    for service in SERVICES:
        done += await delete_rows(place, connection, service, table, condition, kept)
    return done
