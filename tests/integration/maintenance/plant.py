"""A plant with data of every kind and age, written straight into the tables."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from services.analysis.objects.store import Storage
from shared.postgres.connection import Connection

DAY = timedelta(days=1)
# Ages in days: everything has a limit in between.
OLD, YOUNG = 4000, 1
FEATURES, CHUNKS, ROWS = 4, 2, 5

MACHINE = """
INSERT INTO {schema}.machine_refs (id, organization_id, name, status, version, legal_hold{more})
VALUES ($1, $2, 'Pump', 'active', 1, $3{values})
"""
UPLOAD = """
INSERT INTO analysis.file_uploads (id, organization_id, original_filename, file_size, file_path, status,
                                   features, samples, created_at, updated_at)
VALUES ($1, $2, 'table.csv', 100, 'uploads/' || $1::uuid::text, 'completed', '["a","b","c","d"]', $3, $4, $4)
"""
ANALYSIS = """
INSERT INTO analysis.analyses (id, organization_id, machine_id, file_upload_id, dinsight_id, baseline_id,
                               config_id, analysis_type, status, results, created_by, created_at,
                               completed_at, progress, summarized)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'completed', '{"samples": 10}', $9, $10, $10, 1, true)
"""
FEATURE_ROWS = """
INSERT INTO analysis.feature_data (id, organization_id, file_upload_id, feature_values, metadata, created_at,
                                   chunk_index, first_sample, samples)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)
"""
MAP = """
INSERT INTO analysis.dinsight_data (id, organization_id, file_upload_id, config_id, x_values, y_values,
                                    distance_values, model_key, created_at)
VALUES ($1, $2, $3, $4, $5, $5, $5, $6, $7)
"""
POINTS = """
INSERT INTO analysis.monitor_data (id, organization_id, dinsight_id, analysis_id, monitor_values, x_values,
                                   y_values, anomaly_values, metadata, process_order, first_sample, samples,
                                   created_at)
VALUES ($1, $2, $3, $4, $5, $5, $5, $6, $7, $8, $9, $10, $11)
"""
ANOMALY = """
INSERT INTO analysis.anomalies (id, organization_id, analysis_id, machine_id, "timestamp", severity, distance,
                                threshold, features, metadata, sample_index, x, y, created_at)
VALUES ($1, $2, $3, $4, $5, 'high', 2.5, 1, '{"features": []}', '{"n": 1}', $6, 0.1, -0.0, $5)
"""
AUDIT = """
INSERT INTO auth.audit_logs (id, organization_id, action, resource_type, resource_id, changes, ip_address,
                             created_at)
VALUES ($1, $2, 'machine.updated', 'machine', $3, '{"after": {"name": "Ü"}}', '203.0.113.7', $4)
"""
ALERT = """
INSERT INTO alerting.alerts (id, organization_id, alert_rule_id, machine_id, status, data, severity,
                             dedupe_key, created_at, resolved_at)
VALUES ($1, $2, $3, $4, $5, '{}', 'high', $1::uuid::text, $6, $7)
"""
DELIVERY = """
INSERT INTO alerting.deliveries (id, organization_id, alert_id, message_id, channel, target, change, message,
                                 attempt, status, next_attempt_at, created_at, finished_at)
VALUES ($1, $2, $3, $1, 'cmms', 'https://example.org', 'raised', '{}', 1, $4, $5, $5, $6)
"""


def uuids(seed: str) -> Any:
    """Ids that are the same in every copy of a plant."""
    source = random.Random(seed)
    return lambda: UUID(int=source.getrandbits(128), version=4)


@dataclass
class Machine:
    """A machine with baselines (the last is active), a run on each of them, and alerts."""

    id: UUID
    organization: UUID
    baselines: list[UUID] = field(default_factory=list)
    runs: list[UUID] = field(default_factory=list)
    alerts: list[UUID] = field(default_factory=list)


class Plant:
    """Writes rows as the administrator. `now` is when the ages are counted from."""

    def __init__(self, connection: Connection, storage: Storage, seed: str) -> None:
        self._connection = connection
        self._storage = storage
        self.now = datetime.now(UTC)
        self.new_id = uuids(seed)
        self._numbers = np.random.default_rng(1)

    async def organization(self, retention: dict[str, Any] | None = None) -> UUID:
        id_: UUID = self.new_id()
        settings = {} if retention is None else {"retention": retention}
        add = "INSERT INTO auth.organizations (id, name, slug, settings) VALUES ($1, 'Plant', $2, $3)"
        await self._connection.execute(add, id_, str(id_), settings)
        for schema in ("analysis", "alerting"):
            await self._connection.execute(
                f"INSERT INTO {schema}.organization_refs VALUES ($1, $2, 1, false, $3)",
                id_,
                retention or {},
                self.now,
            )
        return id_

    async def machine(
        self, organization: UUID, *, hold: bool = False, ages: Sequence[int] = (OLD, YOUNG)
    ) -> Machine:
        """A machine with a baseline, a run and a resolved alert of each age."""
        machine = Machine(self.new_id(), organization)
        analysis = MACHINE.format(schema="analysis", more=", changed_at", values=", now()")
        await self._connection.execute(analysis, machine.id, organization, hold)
        alerting = MACHINE.format(schema="alerting", more="", values="")
        await self._connection.execute(alerting, machine.id, organization, hold)
        await self._connection.execute(
            "INSERT INTO machines.machines (id, organization_id, name, legal_hold)"
            " VALUES ($1, $2, 'Pump', $3)",
            machine.id,
            organization,
            hold,
        )
        config = "INSERT INTO analysis.config_data (organization_id, version) VALUES ($1, $2) RETURNING id"
        version = await self._connection.fetchval("SELECT count(*) + 1 FROM analysis.config_data")
        config_id = await self._connection.fetchval(config, organization, version)
        for age in ages:
            await self.baseline(machine, config_id, self.now - age * DAY)
        for age in ages:
            await self.run(machine, config_id, self.now - age * DAY)
        await self._alerts(machine, ages)
        return machine

    async def baseline(self, machine: Machine, config_id: int, at: datetime) -> None:
        upload, map_id, analysis = await self._upload(machine, at), self.new_id(), self.new_id()
        key = f"models/{analysis}/1.npz"
        await self._storage.put(key, b"a model")
        values = self._numbers.normal(size=CHUNKS * ROWS).tolist()
        await self._connection.execute(MAP, map_id, machine.organization, upload, config_id, values, key, at)
        await self._connection.execute(
            ANALYSIS,
            *(analysis, machine.organization, machine.id, upload, map_id, None, config_id, "baseline"),
            *(self.new_id(), at),
        )
        machine.baselines.append(analysis)

    async def run(self, machine: Machine, config_id: int, at: datetime) -> None:
        """A run on the machine's baseline of the same age, with two anomalies."""
        upload, analysis = await self._upload(machine, at), self.new_id()
        baseline = machine.baselines[len(machine.runs)]
        map_id = await self._connection.fetchval(
            "SELECT dinsight_id FROM analysis.analyses WHERE id = $1", baseline
        )
        await self._connection.execute(
            ANALYSIS,
            *(analysis, machine.organization, machine.id, upload, map_id, baseline, config_id, "monitoring"),
            *(self.new_id(), at),
        )
        for chunk in range(CHUNKS):
            values = self._numbers.normal(size=ROWS).tolist()
            await self._connection.execute(
                POINTS,
                *(self.new_id(), machine.organization, map_id, analysis, values, [True] + [False] * 4),
                *([{"n": 1.5}] * ROWS, chunk, chunk * ROWS, ROWS, at),
            )
        for sample in range(2):
            await self._connection.execute(
                ANOMALY, self.new_id(), machine.organization, analysis, machine.id, at, sample
            )
        machine.runs.append(analysis)

    async def _upload(self, machine: Machine, at: datetime) -> UUID:
        upload: UUID = self.new_id()
        await self._connection.execute(UPLOAD, upload, machine.organization, CHUNKS * ROWS, at)
        await self._storage.put(f"uploads/{upload}/0000", b"a,b,c,d\n")
        for chunk in range(CHUNKS):
            values = self._numbers.normal(size=(ROWS, FEATURES)).tolist()
            await self._connection.execute(
                FEATURE_ROWS,
                *(self.new_id(), machine.organization, upload, values, [{"n": 1}] * ROWS, at, chunk * ROWS),
                ROWS,
            )
        return upload

    async def _alerts(self, machine: Machine, ages: Sequence[int]) -> None:
        """Resolved ones, and one that is old and still open."""
        rule, member = self.new_id(), self.new_id()
        await self._connection.execute(
            "INSERT INTO alerting.member_refs (organization_id, user_id, role, is_active, version)"
            " VALUES ($1, $2, 'owner', true, 1)",
            machine.organization,
            member,
        )
        await self._connection.execute(
            "INSERT INTO alerting.alert_rules (id, organization_id, machine_id, name, condition, actions,"
            " severity, created_by) VALUES ($1, $2, $3, 'Rule', '{}', '{}', 'high', $4)",
            *(rule, machine.organization, machine.id, member),
        )
        for age, status in [*((age, "resolved") for age in ages), (OLD, "active")]:
            alert, at = self.new_id(), self.now - age * DAY
            resolved = at if status == "resolved" else None
            await self._connection.execute(
                ALERT, alert, machine.organization, rule, machine.id, status, at, resolved
            )
            machine.alerts.append(alert)
            await self._connection.execute(
                DELIVERY, self.new_id(), machine.organization, alert, "delivered", at, at
            )

    async def trail(self, organization: UUID | None, age: int, entries: int) -> None:
        for number in range(entries):
            at = self.now - age * DAY + timedelta(seconds=number)
            await self._connection.execute(AUDIT, self.new_id(), organization, self.new_id(), at)

    async def messages(self, service: str) -> None:
        """Events that were published and ids that were handled long ago and just now, and kept answers."""
        for age in (OLD, 0):
            at = self.now - age * DAY
            # The last state of an entity stays, however old it is.
            for key, keep_latest in (("a", False), ("b", True), ("b", True)):
                await self._connection.execute(
                    f"INSERT INTO {service}.outbox (id, topic, key, headers, keep_latest, transient,"
                    " published_at) VALUES ($1, 'topic', $2, '{}', $3, false, $4)",
                    *(self.new_id(), f"{key}{age}", keep_latest, at),
                )
            await self._connection.execute(
                f"INSERT INTO {service}.inbox (event_id, received_at) VALUES ($1, $2)", self.new_id(), at
            )
            await self._connection.execute(
                f"INSERT INTO {service}.idempotency_keys (user_id, key, fingerprint, created_at)"
                " VALUES ($1, 'k', 'f', $2)",
                *(self.new_id(), at),
            )
