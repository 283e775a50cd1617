"""A queue from which a test claims the jobs of one analysis alone."""

from collections.abc import Sequence
from datetime import timedelta

from services.analysis.domain import Analysis
from services.analysis.jobs.domain import Kind
from shared.access import Scope
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import Job, Size
from shared.postgres.connection import Database


class JobsOf(PostgresQueue):
    """A queue restricted to one analysis and some kinds of jobs."""

    def __init__(self, database: Database, analysis: Analysis, kinds: Sequence[Kind]) -> None:
        super().__init__(database, service="analysis")
        self._analysis = analysis
        self._kinds = kinds

    async def claim(self, queue: str, wanted: int, *, lease: timedelta, **_: object) -> Sequence[Job]:
        """Claim jobs in the order in which they were enqueued."""
        scope = Scope(organization_id=self._analysis.organization_id)
        # Materialized: a subquery may be executed once for each row, and then its LIMIT limits nothing.
        query = """
            WITH due AS MATERIALIZED (
                SELECT id FROM jobs WHERE subject_id = $1 AND kind = ANY ($2) AND run_at <= clock_timestamp()
                    AND (lease_token IS NULL OR lease_until < clock_timestamp())
                ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED)
            UPDATE jobs SET lease_token = gen_random_uuid(), lease_until = clock_timestamp() + $3::interval,
                attempts = attempts + 1
            FROM due WHERE jobs.id = due.id RETURNING jobs.*"""
        async with self._database.transaction(scope) as connection:
            rows = await connection.fetch(query, self._analysis.id, list(self._kinds), lease, wanted)
        return [
            Job(
                id=row["id"],
                queue=row["queue"],
                kind=row["kind"],
                subject_id=row["subject_id"],
                organization_id=row["organization_id"],
                args=row["args"],
                size=Size(row["size"]),
                run_at=row["run_at"],
                attempt=row["attempts"],
                token=row["lease_token"],
                waited=timedelta(),
            )
            for row in rows
        ]
