"""Fills all lists by SQL: as many rows as wanted, very unevenly spread over organizations and machines."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiosql
import asyncpg

from shared.postgres.connection import Connection, prepare_connection
from shared.postgres.partitions import make_months
from tests.support.tokens import TokenIssuer

ANOMALIES_PER_ANALYSIS = 100
# One statement for a few hundred thousand rows: progress can be seen, and no transaction lasts for minutes.
ANALYSES_AT_ONCE = 5_000
ALERT = {
    "rule_name": "Rule",
    "machine_name": "Pump",
    "summary": "Pump: distance 1.5 times the threshold",
    "count": 3,
    "first_seen_at": "2026-01-01T00:00:00+00:00",
    "last_seen_at": "2026-01-01T00:00:00+00:00",
    "worst_distance_ratio": 1.5,
    "worst_anomaly_id": None,
    "analysis_id": None,
    "features": [],
    "acknowledge_note": None,
    "resolve_note": None,
}
CONDITION = {"version": 1, "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.5}}
ACTIONS = {"version": 1, "on": ["raised"], "steps": [], "webhooks": {}}
MATCHER: dict[str, Any] = {
    "machine_ids": [],
    "rule_ids": [],
    "tags": [],
    "locations": [],
    "max_severity": None,
}
START = "2026-01-01T00:00:00+00:00"
LOCAL = "2026-01-01T00:00:00"
MEMBER = "5d9bb1f6-3e5f-4b0c-9f5a-0a3a0a6f6f5e"
RESOURCES = {
    "contact_point": {
        **{"kind": "webhook", "shown": "https://example.org", "is_active": True},
        **{"disabled_reason": None, "who": None, "secrets": 1, "sealed": {"url": "not readable"}},
    },
    "rotation": {
        **{
            "members": [MEMBER],
            "starts": LOCAL,
            "shift_seconds": 604800.0,
            "time_zone": "UTC",
            "overrides": [],
        },
    },
    "silence": {"reason": "Repair", "matcher": MATCHER, "starts_at": START},
    "maintenance_window": {
        "reason": "Repair",
        "matcher": MATCHER,
        "schedule": {
            **{"starts": LOCAL, "duration_seconds": 3600.0, "time_zone": "UTC"},
            **{"rule": "FREQ=WEEKLY", "excluded": []},
        },
    },
    "opt_out": {"rule_ids": [], "below": "high"},
}
# Indexes are built faster at once than row by row. Those of constraints stay.
INDEXES = """
SELECT format('DROP INDEX %s', i.indexrelid::regclass) AS drop, pg_get_indexdef(i.indexrelid) AS make
FROM pg_index i WHERE i.indrelid = ANY ($1::text[]::regclass[])
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""
LARGE = ("analysis.anomalies", "auth.audit_logs")
# The tests' issuer, as a key that still verifies.
SIGNING_KEY = """
INSERT INTO auth.signing_keys (id, public_jwk, private_jwk, created_at, signs_from, verifies_until)
VALUES ('test', $1, '', now() - interval '1 day', now() - interval '1 day', now() + interval '1 day')
ON CONFLICT (id) DO UPDATE SET public_jwk = excluded.public_jwk
"""


@dataclass(frozen=True, slots=True)
class Size:
    organizations: int
    machines: int
    analyses: int
    users: int
    logs: int
    span: timedelta = timedelta(days=365)

    @classmethod
    def scaled(cls, scale: float) -> "Size":
        """At 1: 10 million anomalies of 5,000 machines of 200 organizations."""
        return cls(
            organizations=max(4, round(200 * min(1, scale * 10))),
            machines=max(20, round(5_000 * min(1, scale * 10))),
            analyses=max(200, round(100_000 * scale)),
            users=max(50, round(5_000 * min(1, scale * 10))),
            logs=max(500, round(1_000_000 * scale)),
        )


@dataclass(frozen=True, slots=True)
class Seed:
    """Ids are derived from the salt, so that several seeds fit into one database."""

    size: Size
    salt: str
    now: datetime

    @classmethod
    def new(cls, size: Size) -> "Seed":
        return cls(size, uuid4().hex, datetime.now(UTC))

    def id(self, kind: str, number: int) -> UUID:
        return UUID(hashlib.md5(f"{self.salt}{kind}{number}".encode(), usedforsecurity=False).hexdigest())

    def headers(self, issuer: TokenIssuer, organization: int) -> dict[str, str]:
        """User 1, who administers the installation, in a session that auth knows."""
        return issuer.headers(
            self.id("organization", organization), user_id=self.id("user", 1), sid=str(self.id("session", 1))
        )

    def months(self) -> Iterator[datetime]:
        month = (self.now - self.size.span).replace(day=1) - timedelta(days=1)
        while month <= self.now:
            yield month
            month = (month.replace(day=28) + timedelta(days=5)).replace(day=1)

    async def fill(self, connection: Connection, *, rebuild_indexes: bool) -> None:
        """Insert all rows as an administrator, without checks of foreign keys."""
        for table in LARGE:
            await connection.execute(f"SET ROLE dinsight_{table.split('.')[0]}_owner")
            await make_months(connection, table, [month.date() for month in self.months()])
            await connection.execute("RESET ROLE")
        await connection.execute("SET session_replication_role = replica")
        queries: Any = aiosql.from_path(
            Path(__file__).with_name("seed.sql"), "asyncpg", mandatory_parameters=False
        )
        await queries.functions(connection)
        async with _without_indexes(connection, rebuild=rebuild_indexes):
            await self._insert(connection, queries)

    async def _insert(self, connection: Connection, queries: Any) -> None:
        size = self.size
        values = {
            "salt": self.salt,
            "now": self.now,
            "span": size.span,
            "organizations": size.organizations,
            "machines": size.machines,
            "analyses": size.analyses,
            "users": size.users,
            "logs": size.logs,
            "sessions": size.users,
            "keys": size.organizations * 10,
            "condition": CONDITION,
            "actions": ACTIONS,
            "data": ALERT,
            "resources": RESOURCES,
        }
        for name in (
            *("users", "organizations", "memberships", "sessions", "api_keys", "invitations", "audit_logs"),
            *("machines", "machine_refs", "deletions", "uploads", "configs", "analyses", "rules"),
            *("templates", "alerts", "resources", "deliveries", "sources", "source_files"),
        ):
            await getattr(queries, name)(connection, **values)
        for first in range(1, size.analyses + 1, ANALYSES_AT_ONCE):
            last = min(first + ANALYSES_AT_ONCE - 1, size.analyses)
            await queries.anomalies(connection, **values, first=first, last=last)


async def trust(connection: Connection, issuer: TokenIssuer) -> None:
    """Let auth accept the issuer's tokens."""
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(SIGNING_KEY, issuer.jwks()["keys"][0])
    await connection.execute("RESET session_replication_role")


async def connect(dsn: str) -> Connection:
    connection = await asyncpg.connect(dsn)
    await prepare_connection(connection)
    return connection


@asynccontextmanager
async def _without_indexes(connection: Connection, *, rebuild: bool) -> AsyncIterator[None]:
    found = await connection.fetch(INDEXES, LARGE) if rebuild else []
    for index in found:
        await connection.execute(index["drop"])
    yield
    for index in found:
        await connection.execute(index["make"].replace(" ON ONLY ", " ON "))
