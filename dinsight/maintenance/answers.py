"""A step of every service: deletes kept answers. Each service deletes its old events itself, more often."""

from __future__ import annotations

from dinsight.installation import SERVICES
from dinsight.maintenance.context import Done, MaintenanceContext, delete_rows
from shared.http.idempotency import KEPT_FOR
from shared.postgres.connection import Connection

ANSWERED = "created_at < clock_timestamp() - $1::interval"


async def delete_answers(context: MaintenanceContext, connection: Connection) -> Done:
    """Otherwise those of a user who does not come back stay for ever."""
    done = Done()
    for service in SERVICES:
        done += await delete_rows(context, connection, service, "idempotency_keys", ANSWERED, KEPT_FOR)
    return done
