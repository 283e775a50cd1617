"""What month partitions cost and save, on the installation's own tables.

`python -m bench.partitions DSN [MONTHS]`, where DSN is a PostgreSQL server's administrator address: a scratch
database is made on it, migrated, measured and dropped. The figures are the
least, the median and the greatest of 30, in milliseconds.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import asyncpg

from dinsight.provision.migrations import upgrade
from services.analysis.anomalies.domain import AnomalyFilter, anomaly_id
from services.analysis.database import unit as analysis_unit
from services.analysis.database.anomalies import PostgresAnomalies
from shared.access import Scope
from shared.clock import time_ordered_id
from shared.http.pages import PageRequest
from shared.postgres.connection import Connection, Database
from shared.postgres.partitions import MonthPartitions
from shared.postgres.queries import load_queries
from tests.support.installation import TestDatabase, create_database, drop_database

MONTHS = 120
ROWS = 200_000
ORGANIZATIONS = 20
MACHINES = 1000
REPETITIONS = 30
FILL = """
INSERT INTO analysis.anomalies (id, organization_id, analysis_id, machine_id, "timestamp", severity, distance,
                                threshold, features, sample_index, x, y)
SELECT coalesce($5, gen_random_uuid()), one, one, one, $2::timestamptz - step * $3::interval, 'high', 2, 1,
       '{}', step, 0, 0
FROM generate_series(1, $4::integer) AS step
CROSS JOIN LATERAL (SELECT ($1::uuid[])[step % 20 + 1] AS one) AS organization
"""
RESULT = """
INSERT INTO {table} (dinsight_id, analysis_id, organization_id, process_order, samples, monitor_values,
                     x_values, y_values, created_at)
SELECT ($1::uuid[])[step % $4 + 1], gen_random_uuid(), $2, step, 1, '{{1}}', '{{1}}', '{{1}}',
       $3::timestamptz - step % 24 * interval '30 days'
FROM generate_series(1, 48000) AS step
"""


async def measure(what: str, ask: Callable[[], Awaitable[object]], repetitions: int = REPETITIONS) -> None:
    took: list[float] = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - begun) * 1000)
    sys.stdout.write(f"{what:<60} {min(took):9.2f} {statistics.median(took):9.2f} {max(took):9.1f}\n")
    sys.stdout.flush()


async def anomalies(created: TestDatabase, admin: Connection, months: int) -> None:
    """Lists and single reads of a table with many months."""
    now = datetime.now(UTC)
    step = timedelta(days=30.4 * months / ROWS)
    organizations = [uuid4() for _ in range(ORGANIZATIONS)]
    async with Database(created.dsn("analysis"), service="analysis", pool_size=1) as database:
        partitions = MonthPartitions(database)
        begun = time.perf_counter()
        times = [now - timedelta(days=15 * number) for number in range(int(30.4 * months / 15) + 3)]
        await partitions.ensure("anomalies", times)
        made = (time.perf_counter() - begun) * 1000
        sys.stdout.write(f"{f'making the partitions of {months} months, each':<72} {made / months:9.2f}\n")
        await measure("finding that they are there", lambda: partitions.ensure("anomalies", times))
        await admin.execute(FILL, organizations, now, step, ROWS, None)
        await admin.execute("ANALYZE analysis.anomalies")
        at = now - timedelta(days=300)
        old, new = uuid4(), anomaly_id(at, time_ordered_id())
        queries = load_queries(analysis_unit.__file__)

        async def asking(ask: Callable[[PostgresAnomalies], Awaitable[object]]) -> None:
            async with database.transaction(Scope(organization_id=organizations[1])) as connection:
                await ask(PostgresAnomalies(connection, queries))

        since = AnomalyFilter(since=at, until=at + timedelta(days=30))
        await admin.execute(FILL, organizations, at, timedelta(0), 1, new)
        for what, ask in (
            ("GET /anomalies/{id}: an id with its time", lambda a: a.get(new)),
            ("GET /anomalies/{id}: another id, every month is read", lambda a: a.get(old)),
            ("GET /anomalies?since&until: one month", lambda a: a.list(since, PageRequest(50, None))),
            (
                "GET /anomalies: every month is planned",
                lambda a: a.list(AnomalyFilter(), PageRequest(50, None)),
            ),
        ):
            await measure(what, partial(asking, ask))


async def monitor_data(admin: Connection, machines: int) -> None:
    """Monitoring results by month, of two years, against by machine (by its map, of which it has one)."""
    organization, now = uuid4(), datetime.now(UTC)
    maps = [uuid4() for _ in range(machines)]
    await admin.execute("SET search_path = analysis, public; SET session_replication_role = replica")
    for kind, key in (("month", "created_at"), ("machine", "dinsight_id")):
        table = f"results_by_{kind}"
        by = f"RANGE ({key})" if kind == "month" else f"LIST ({key})"
        await admin.execute(
            f"CREATE TABLE {table} (LIKE monitor_data INCLUDING DEFAULTS) PARTITION BY {by};"
            f"CREATE INDEX ON {table} (analysis_id, process_order); CREATE INDEX ON {table} (dinsight_id);"
            f"CREATE INDEX ON {table} (organization_id); CREATE INDEX ON {table} (process_order)"
        )
        bounds = _months(now, 26) if kind == "month" else [f"IN ('{one}')" for one in maps]
        await measure(f"by {kind}: making {len(bounds)} partitions", partial(_make, admin, table, bounds), 1)
        await admin.execute(RESULT.format(table=table), maps, organization, now, machines)
        await admin.execute(f"ANALYZE {table}")
        reads = f"SELECT * FROM {table} WHERE analysis_id = '{uuid4()}' ORDER BY process_order"  # noqa: S608
        await measure(f"by {kind}: the results of a run", partial(admin.fetch, reads))
        # An old month goes: its partition, or its rows in every partition.
        goes = f"DROP TABLE {table}_24"
        if kind == "machine":
            goes = f"DELETE FROM {table} WHERE created_at < now() - interval '670 days'"  # noqa: S608
        await measure(f"by {kind}: an old month goes", partial(admin.execute, goes), 1)


async def _make(admin: Connection, table: str, bounds: Sequence[str]) -> None:
    for number, bound in enumerate(bounds):
        await admin.execute(f"CREATE TABLE {table}_{number} PARTITION OF {table} FOR VALUES {bound}")


def _months(now: datetime, count: int) -> Sequence[str]:
    found = []
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)
    upper = first.replace(day=1)
    for _ in range(count):
        lower = (upper - timedelta(days=1)).replace(day=1)
        found.append(f"FROM ('{lower.isoformat()}') TO ('{upper.isoformat()}')")
        upper = lower
    return found


async def main(server: str, months: int) -> None:
    created = await create_database(server)
    try:
        await asyncio.to_thread(upgrade, "analysis", created.admin_dsn)
        admin = await asyncpg.connect(created.admin_dsn)
        await admin.execute("SET session_replication_role = replica")
        await anomalies(created, admin, months)
        await monitor_data(admin, MACHINES)
        await admin.close()
    finally:
        await drop_database(server, created)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else MONTHS))
