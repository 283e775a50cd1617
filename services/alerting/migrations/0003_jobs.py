"""The delivery queue: each message that waits becomes a job, and deliveries lose leases of their own.

A pending delivery without a job (stored before this migration, or by an older version that still runs beside
it) is adopted here, and from then on by the janitor.
"""

from shared.jobs.schema import jobs_schema
from shared.postgres.ddl import run

revision = "alerting_0003"
down_revision = "alerting_0002"

# Attempts that were made count on.
ADOPT = """
CREATE FUNCTION adopt_deliveries() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = alerting, public, pg_temp AS $$
    WITH adopted AS (
        INSERT INTO jobs (id, queue, kind, organization_id, subject_id, args, size, run_at, attempts)
        SELECT d.message_id, 'deliveries', 'message', d.organization_id, d.alert_id, '{}', 0,
               d.next_attempt_at, d.attempt - 1
        FROM deliveries d
        WHERE d.status = 'pending' AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = d.message_id)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT count(*) FROM adopted;
$$;
REVOKE ALL ON FUNCTION adopt_deliveries() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION adopt_deliveries() TO dinsight_alerting;
SELECT adopt_deliveries();
"""

DELIVERIES = """
DROP FUNCTION claim_deliveries(integer, integer, timestamptz, interval);
DROP INDEX deliveries_due;
CREATE INDEX deliveries_pending ON deliveries (message_id) WHERE status = 'pending';
ALTER TABLE deliveries DROP COLUMN lease_id, DROP COLUMN leased_until;
"""


def upgrade() -> None:
    run(jobs_schema("alerting"))
    run(ADOPT)
    run(DELIVERIES)
