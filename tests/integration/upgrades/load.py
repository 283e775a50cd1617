"""What services of the old version do while a migration runs: read and write under their own logins."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from shared.postgres.connection import TRANSIENT_DATABASE_ERRORS

SCOPE = "SELECT set_config('app.organization_id', $1, true)"
# Table by table: what a row's copy gets that must be new. The columns are those that the old version knows.
COPIED = {
    "machines.machines": {"id": "gen_random_uuid()"},
    "analysis.anomalies": {"id": "gen_random_uuid()", "timestamp": "now()"},
    "alerting.deliveries": {"id": "gen_random_uuid()", "message_id": "gen_random_uuid()"},
    "auth.audit_logs": {
        "id": "gen_random_uuid()",
        "created_at": "now()",
        "organization_id": "current_setting('app.organization_id')::uuid",
    },
}
CHANGED = {
    "machines.machines": "name = name",
    "analysis.analyses": "progress = progress",
    "alerting.alerts": "status = status",
}
READ = (
    "machines.machines", "analysis.analyses", "analysis.anomalies", "analysis.monitor_data",
    "alerting.alert_rules", "alerting.alerts", "auth.audit_logs",
)  # fmt: skip
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


@dataclass
class Load:
    """Runs until it is told to stop. `done` counts statements by kind and table."""

    organization_id: str
    done: dict[str, int] = field(default_factory=dict)
    waited: float = 0.0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, dsn: str, service: str, statements: Sequence[tuple[str, str]]) -> None:
        """Repeat the statements, each in a transaction. Any error but a lock that timed out is raised."""
        connection = await asyncpg.connect(dsn, command_timeout=60)
        loop = asyncio.get_running_loop()
        try:
            while not self.stopped.is_set():
                for name, statement in statements:
                    started = loop.time()
                    try:
                        async with connection.transaction():
                            await connection.execute(SCOPE, self.organization_id)
                            await connection.execute(statement)
                    except TRANSIENT_DATABASE_ERRORS:
                        # The service answers 503, and the client or the consumer tries again.
                        continue
                    self.waited = max(self.waited, loop.time() - started)
                    self.done[name] = self.done.get(name, 0) + 1
                await asyncio.sleep(0.02)
        finally:
            await connection.close()


async def statements_of(admin_dsn: str, service: str) -> list[tuple[str, str]]:
    """What the service does, with the columns that it knows now."""
    connection = await asyncpg.connect(admin_dsn)
    found = [(f"read {place}", f"SELECT * FROM {place} LIMIT 50") for place in READ]
    found += [(f"change {place}", f"UPDATE {place} SET {what}") for place, what in CHANGED.items()]
    try:
        for place, given in COPIED.items():
            names = [row[0] for row in await connection.fetch(COLUMNS, place)]
            values = ", ".join(given.get(name, f'"{name}"') for name in names)
            columns = ", ".join(f'"{name}"' for name in names)
            copy = f"INSERT INTO {place} ({columns}) SELECT {values} FROM {place} LIMIT 1"
            found.append((f"write {place}", copy))
    finally:
        await connection.close()
    return [(name, statement) for name, statement in found if f" {service}." in name]
