"""The fleet and timelines with 5,000 machines of one organization among 200: `python -m bench.fleet`.

Rows are written as runs would have left them. An answer is what the service returns to its route, without
JSON and HTTP.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from uuid import UUID, uuid4

import asyncpg
import numpy as np
from rich.console import Console
from rich.table import Table

from dinsight.provision.migrations import upgrade
from services.analysis.database.unit import PostgresUnits
from services.analysis.fleet.domain import FleetFilter, FleetSort
from services.analysis.fleet.service import FleetService
from services.analysis.timeline.domain import MAX_RUN_BUCKETS, RunSummary, count_hours, downsample, moment
from services.analysis.timeline.service import TimelineService
from shared.access import Scope
from shared.clock import SystemClock
from shared.postgres.connection import Connection, Database
from tests.servers import TestServers
from tests.support.installation import create_database

ORGANIZATIONS, MACHINES, OTHER_MACHINES = 200, 5_000, 25
DAYS_OF_HOURS, DAYS, RUNS = 8, 120, 20
# A machine that is watched for two years, a run of one sample every ten minutes.
STREAM_RUNS = 2 * 365 * 24 * 6
REPEAT = 40
# The last page of the list is reached through all others.
REPEAT_LAST = 5
FILL = """
SET session_replication_role = replica;
CREATE TEMPORARY TABLE m AS
SELECT gen_random_uuid() AS id, o.id AS organization_id, n, o.number
FROM (SELECT CASE number WHEN 1 THEN '{mine}'::uuid ELSE gen_random_uuid() END AS id, number
      FROM generate_series(1, {organizations}) number) o,
     generate_series(1, CASE o.number WHEN 1 THEN {machines} ELSE {others} END) n;
UPDATE m SET id = '{stream}' WHERE number = 1 AND n = 1;
INSERT INTO machine_refs (id, organization_id, name, status, model, location, tags, version, changed_at)
SELECT id, organization_id, 'Pump ' || n, 'active', 'P-75', 'Hall ' || n % 20,
       ARRAY['line-' || n % 50, CASE n % 2 WHEN 0 THEN 'wet' ELSE 'dry' END], 1, now() FROM m;
INSERT INTO machine_states (machine_id, organization_id, run_id, run_at, state, reasons, wear, data_until)
SELECT id, organization_id, gen_random_uuid(), now() - n * interval '1 minute',
       (ARRAY['ok', 'ok', 'ok', 'ok', 'deteriorating', 'failing', 'unknown'])[1 + n % 7],
       '["12 % of the samples are anomalies"]', 1.5, now() - n * interval '1 minute' FROM m;
INSERT INTO machine_hours
SELECT id, date_trunc('hour', now()) - h * interval '1 hour', s, organization_id, 6, 0, 0.3, 1.4, 4 FROM m,
       generate_series(0, {days_of_hours} * 24 - 1) h, unnest(ARRAY['normal', 'low', 'high']) s
WHERE s = 'normal' OR (h + n) % 4 = 0;
INSERT INTO machine_days
SELECT id, current_date - d, s, organization_id, 144, 0, 0.3, 1.4, 100 FROM m,
       generate_series(0, {days} - 1) d, unnest(ARRAY['normal', 'low', 'high']) s
WHERE s = 'normal' OR (d + n) % 2 = 0;
INSERT INTO analyses (id, machine_id, organization_id, file_upload_id, analysis_type, status, created_by,
                      results, created_at, completed_at, summarized)
SELECT gen_random_uuid(), id, organization_id, gen_random_uuid(),
       CASE r WHEN 0 THEN 'baseline' ELSE 'monitoring' END, 'completed', organization_id,
       '{{"readiness": {{"samples": 2000, "advice": []}}, "threshold": 4.2, "samples": 2000}}',
       now() - ({runs} - r) * interval '10 hours', now() - ({runs} - r) * interval '10 hours', true
FROM m, generate_series(0, {runs} - 1) r;
INSERT INTO run_summaries (analysis_id, organization_id, machine_id, completed_at, samples, anomalies,
                           max_ratio, state, first_at, last_at, data_until, bucket_at, bucket_samples,
                           bucket_anomalies, bucket_min, bucket_max, bucket_mean)
SELECT gen_random_uuid(), organization_id, id, t, 60, 0, 0.9, 'ok', t - interval '10 hours', t, t,
       (SELECT array_agg(t - k * interval '10 minutes' ORDER BY k DESC) FROM generate_series(0, 59) k),
       array_fill(1, ARRAY[60]), array_fill(0, ARRAY[60]), array_fill(0.9::float, ARRAY[60]),
       array_fill(0.9::float, ARRAY[60]), array_fill(0.9::float, ARRAY[60])
FROM m, generate_series(0, {runs} - 1) r, LATERAL (SELECT now() - r * interval '10 hours' AS t) t
WHERE number > 1 OR n > 1;
INSERT INTO run_summaries (analysis_id, organization_id, machine_id, completed_at, samples, anomalies,
                           max_ratio, state, first_at, last_at, data_until, bucket_at, bucket_samples,
                           bucket_anomalies, bucket_min, bucket_max, bucket_mean)
SELECT gen_random_uuid(), '{mine}', '{stream}', t, 1, 0, 0.9, 'ok', t, t, t, ARRAY[t], ARRAY[1], ARRAY[0],
       ARRAY[0.9], ARRAY[0.9], ARRAY[0.9]
FROM generate_series(0, {stream_runs} - 1) r, LATERAL (SELECT now() - r * interval '10 minutes' AS t) t;
INSERT INTO machine_hours
SELECT '{stream}', date_trunc('hour', now()) - h * interval '1 hour', 'normal', '{mine}', 6, 0, 0.3, 1.4, 4
FROM generate_series({days_of_hours} * 24, 2 * 365 * 24) h;
INSERT INTO alert_refs
SELECT gen_random_uuid(), organization_id, id, 'Far from normal',
       CASE a WHEN 0 THEN 'active' ELSE 'resolved' END,
       (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 4], 'Pump: 2.5 times the threshold', 3, 2.5,
       now() - a * interval '3 days', now() - a * interval '3 days', now() - a * interval '3 days', NULL,
       CASE a WHEN 0 THEN NULL ELSE now() - a * interval '2 days' END, 3
FROM m, generate_series(0, 5) a WHERE a > 0 OR n % 5 = 0;
SET session_replication_role = origin;
ANALYZE
"""


async def figures(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Median and 95th percentile of `work` in milliseconds."""
    taken = []
    for _ in range(REPEAT):
        began = time.perf_counter()
        await work()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken), quantiles(taken, n=20)[-1]


async def fleet(units: PostgresUnits, scope: Scope, sort: FleetSort, pages: int, **wanted: str) -> float:
    """Milliseconds of the last of some pages, which is reached by cursors."""
    service = FleetService(SystemClock())
    after, filters, taken = None, FleetFilter(**wanted), 0.0
    for page in range(pages):
        began = time.perf_counter()
        async with units(scope) as unit:
            found = await service.list(unit, filters, sort, after, 500 if page < pages - 1 else 50)
        after, taken = found.following, 1000 * (time.perf_counter() - began)
    return taken


async def timeline(units: PostgresUnits, scope: Scope, machine_id: UUID, span: timedelta) -> None:
    until = datetime.now(UTC)
    async with units(scope) as unit:
        await TimelineService(SystemClock()).timeline(unit, machine_id, until - span, until, 1000)


async def summarize(units: PostgresUnits, admin: Connection, scope: Scope, samples: int) -> float:
    """Milliseconds of the part of a run's last transaction that counts it, ten minutes between samples."""
    machine_id, analysis_id = uuid4(), uuid4()
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "INSERT INTO analysis.machine_refs (id, organization_id, name, status, version, changed_at)"
        " VALUES ($1, $2, 'Press', 'active', 1, now())",
        machine_id,
        scope.organization_id,
    )
    await admin.execute(
        "INSERT INTO analysis.analyses (id, machine_id, organization_id, file_upload_id, analysis_type,"
        " status, created_by, results, completed_at)"
        " VALUES ($1, $2, $3, $1, 'monitoring', 'completed', $1, '{}', now())",
        analysis_id,
        machine_id,
        scope.organization_id,
    )
    random = np.random.default_rng(1)
    times = np.arange(samples) * 600 * 10**6 + 1_700_000_000 * 10**6
    ratios = random.lognormal(-0.7, 0.3, samples)
    named = np.where(ratios > 1, "low", "normal").tolist()
    began = time.perf_counter()
    summary = RunSummary(
        analysis_id,
        samples,
        int((ratios > 1).sum()),
        float(ratios.max()),
        moment(int(times[0])),
        moment(int(times[-1])),
        downsample(times, ratios, ratios > 1, MAX_RUN_BUCKETS),
        count_hours(times, ratios, named),
    )
    async with units(scope) as unit:
        await unit.summaries.add(machine_id, summary)
    return 1000 * (time.perf_counter() - began)


async def measure(server_dsn: str, console: Console) -> None:
    created = await create_database(server_dsn)
    await asyncio.to_thread(upgrade, "analysis", created.admin_dsn)
    mine, stream = uuid4(), uuid4()
    admin = await asyncpg.connect(created.admin_dsn)
    began = time.perf_counter()
    await admin.execute("SET search_path = analysis, public")
    for statement in FILL.format(
        mine=mine,
        stream=stream,
        organizations=ORGANIZATIONS,
        machines=MACHINES,
        others=OTHER_MACHINES,
        days_of_hours=DAYS_OF_HOURS,
        days=DAYS,
        runs=RUNS,
        stream_runs=STREAM_RUNS,
    ).split(";\n"):
        await admin.execute(statement)
    console.print(f"filled in {time.perf_counter() - began:.0f} s")
    table = Table("answer", "p50 ms", "p95 ms")
    async with Database(created.dsn("analysis"), service="analysis", pool_size=2) as database:
        units, scope = PostgresUnits(database, SystemClock(), uuid4), Scope(organization_id=mine)
        cases: Sequence[tuple[str, FleetSort, int, dict[str, str]]] = [
            ("GET /fleet", FleetSort.NEED, 1, {}),
            ("GET /fleet?sort=name", FleetSort.NAME, 1, {}),
            ("GET /fleet?sort=silence", FleetSort.SILENCE, 1, {}),
            ("GET /fleet?tag=line-7", FleetSort.NEED, 1, {"tag": "line-7"}),
            ("GET /fleet?state=failing", FleetSort.NEED, 1, {"state": "failing"}),
            ("GET /fleet?q=pump 49", FleetSort.NEED, 1, {"text": "pump 49"}),
            ("GET /fleet?location=hall 1", FleetSort.NEED, 1, {"location": "hall 1"}),
            ("GET /fleet, the last page", FleetSort.NEED, 10, {}),
        ]
        for name, sort, pages, wanted in cases:
            repeat = REPEAT if pages == 1 else REPEAT_LAST
            taken = [await fleet(units, scope, sort, pages, **wanted) for _ in range(repeat)]
            table.add_row(name, f"{median(taken):.1f}", f"{quantiles(taken, n=20)[-1]:.1f}")
        for name, span in (
            ("1 hour", timedelta(hours=1)),
            ("1 day", timedelta(days=1)),
            ("30 days", timedelta(days=30)),
            ("1 year", timedelta(days=365)),
            ("2 years", timedelta(days=729)),
        ):
            p50, p95 = await figures(lambda span=span: timeline(units, scope, stream, span))  # type: ignore[misc]
            table.add_row(f"GET /machines/{{id}}/timeline, {name}", f"{p50:.1f}", f"{p95:.1f}")
        for samples in (1, 512, 100_000):
            taken = [await summarize(units, admin, scope, samples) for _ in range(5)]
            table.add_row(
                f"counting a run of {samples:,} samples", f"{median(taken):.1f}", f"{max(taken):.1f}"
            )
    await admin.close()
    console.print(table)


def main() -> None:
    servers = TestServers()
    try:
        asyncio.run(measure(servers.postgres_dsn(), Console(width=110)))
    finally:
        servers.close()


if __name__ == "__main__":
    main()
