"""Installations from before counter rows: their anomalies are counted, and their alerts are told again."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import orjson
import pytest
from alembic import command

from dinsight.provision.migrations import configuration, upgrade
from shared.events.alerting import ALERT_CHANGED
from shared.events.codec import decode
from shared.postgres.connection import Connection
from tests.support.installation import TestDatabase, create_database, drop_database

ANOMALIES = """
INSERT INTO analysis.anomalies (id, analysis_id, machine_id, "timestamp", severity, distance, threshold,
                                features, acknowledged, organization_id, sample_index, x, y)
SELECT gen_random_uuid(), $1, $2, timestamptz '2026-03-01 23:30+00' + n * interval '20 minutes',
       CASE n % 3 WHEN 0 THEN 'high' ELSE 'low' END, 3.0 + n, 3.0, '{}', n = 0, $3, n, 0, 0
FROM generate_series(0, 8) n
"""
ALERT = """
INSERT INTO alerting.alerts (id, alert_rule_id, machine_id, status, data, resolved_at, created_at,
                             organization_id, severity, dedupe_key, version)
VALUES ($1::uuid, $1, $2, $3::text, $4, CASE $3::text WHEN 'resolved' THEN now() - $5::text::interval END,
        '2026-03-01 00:00+00', $2, 'high', $1::uuid::text, 7)
"""
DATA = {
    "rule_name": "Far from normal",
    "summary": "Pump 7: 2.5 times the threshold",
    "count": 3,
    "first_seen_at": "2026-03-01T00:00:00+00:00",
    "last_seen_at": "2026-03-02T00:00:00+00:00",
    "worst_distance_ratio": 2.5,
}


@pytest.fixture
async def database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


@pytest.fixture
async def admin(database: TestDatabase) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database.admin_dsn)
    # Rows need no rows that they refer to.
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def migrate(database: TestDatabase, service: str, revision: str) -> None:
    await asyncio.to_thread(command.upgrade, configuration(service, database.admin_dsn), revision)


async def test_anomalies_from_before_are_counted(database: TestDatabase, admin: Connection) -> None:
    await migrate(database, "analysis", "analysis_0008")
    analysis_id, machine_id, organization_id = uuid4(), uuid4(), uuid4()
    await admin.execute(
        "INSERT INTO analysis.machine_refs (id, organization_id, name, status, version, changed_at)"
        " VALUES ($1, $2, 'Pump 7', 'active', 3, now())",
        machine_id,
        organization_id,
    )
    await admin.execute(
        "INSERT INTO analysis.analyses (id, machine_id, file_upload_id, analysis_type, status, created_by,"
        " organization_id, completed_at, results)"
        " VALUES ($1, $2, $1, 'monitoring', 'completed', $1, $3, now(), '{}')",
        analysis_id,
        machine_id,
        organization_id,
    )
    await admin.execute(ANOMALIES, analysis_id, machine_id, organization_id)
    await asyncio.to_thread(upgrade, "analysis", database.admin_dsn)
    counted = await admin.fetch(
        "SELECT day::text, severity, anomalies, worst_ratio, acknowledged FROM analysis.anomaly_daily"
        " ORDER BY day, severity"
    )
    assert [tuple(row) for row in counted] == [
        ("2026-03-01", "high", 1, 1.0, 1),
        ("2026-03-01", "low", 1, 4 / 3, 0),
        ("2026-03-02", "high", 2, 3.0, 0),
        ("2026-03-02", "low", 5, 11 / 3, 0),
    ]
    waiting = await admin.fetch("SELECT * FROM analysis.unsummarized_runs(10)")
    assert [tuple(row) for row in waiting] == [(analysis_id, organization_id)]
    # What the version that still runs beside the migrated database calls.
    await admin.execute("SELECT analysis.refresh_anomaly_daily()")


async def test_alerts_from_before_are_told_again(database: TestDatabase, admin: Connection) -> None:
    await migrate(database, "alerting", "alerting_0006")
    alerts, machine_id = [uuid4() for _ in range(3)], uuid4()
    ends = (("active", "0"), ("resolved", "10 days"), ("resolved", "2 years"))
    for alert_id, (status, ago) in zip(alerts, ends, strict=True):
        await admin.execute(ALERT, alert_id, machine_id, status, orjson.dumps(DATA).decode(), ago)
    await migrate(database, "alerting", "alerting_0010")
    rows = await admin.fetch("SELECT key, value, headers FROM alerting.outbox WHERE published_at IS NULL")
    events = [
        decode(
            ALERT_CHANGED,
            row["key"].encode(),
            row["value"],
            [(name, text.encode("latin-1")) for name, text in orjson.loads(row["headers"]).items()],
        )
        for row in rows
    ]
    told = {event.payload.alert_id: event for event in events}
    assert set(told) == set(alerts[:2])
    event = told[alerts[0]]
    assert (event.key, event.organization_id) == (str(machine_id), machine_id)
    assert (event.payload.version, event.payload.status, event.payload.count) == (7, "active", 3)
    assert event.payload.raised_at is not None
    assert told[alerts[1]].payload.resolved_at is not None
