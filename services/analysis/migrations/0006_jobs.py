"""The workers' queue: analyses, chunks and joins are claimed as jobs, and the lease columns of their own go.

`chunks` is known once a run's files are read, and `chunks_scored` counts towards it; `read_at` and `timings`
wait for the end of the run. An analysis that waits without a job (stored before this migration, or by an
older version that still ran beside it) is adopted here, and from then on by the janitor.
"""

from shared.jobs.schema import jobs_schema
from shared.postgres.ddl import run

revision = "analysis_0006"
down_revision = "analysis_0005"

SMALL_BYTES = 1024 * 1024

ANALYSES = """
DROP FUNCTION stalled_analyses(interval, integer);
DROP FUNCTION pending_analyses();
ALTER TABLE analyses DROP COLUMN lease_token, DROP COLUMN lease_until, DROP COLUMN requeued_at,
    ADD COLUMN chunks INTEGER, ADD COLUMN chunks_scored INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN read_at TIMESTAMP WITH TIME ZONE, ADD COLUMN timings JSONB;
ALTER TABLE monitor_chunks DROP COLUMN lease_token, DROP COLUMN lease_until;
DROP INDEX monitor_chunks_waiting;
"""

ADOPT = """
CREATE FUNCTION adopt_analyses(small_bytes bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
    WITH adopted AS (
        INSERT INTO jobs (id, queue, kind, organization_id, subject_id, args, size, run_at)
        SELECT gen_random_uuid(), 'analysis', 'analysis', a.organization_id, a.id, '{}',
               (f.file_size > small_bytes)::integer, coalesce(a.created_at, clock_timestamp())
        FROM analyses a JOIN file_uploads f ON f.id = a.file_upload_id
        WHERE a.status IN ('pending', 'processing')
          AND NOT EXISTS (SELECT FROM jobs j WHERE j.subject_id = a.id)
        RETURNING id
    )
    SELECT count(*) FROM adopted;
$$;
REVOKE ALL ON FUNCTION adopt_analyses(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION adopt_analyses(bigint) TO dinsight_analysis;
"""


def upgrade() -> None:
    run(jobs_schema("analysis"))
    run(ANALYSES)
    run(ADOPT)
    run(f"SELECT adopt_analyses({SMALL_BYTES});")
