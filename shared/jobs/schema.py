"""The SQL of the `jobs` table and its functions, for the migrations of a service."""

from shared.jobs.queue import INSTALLATION
from shared.postgres.ddl import tenant_isolation

TABLES = """
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    kind text NOT NULL,
    organization_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    args jsonb NOT NULL,
    size smallint NOT NULL,
    run_at timestamptz NOT NULL,
    enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_until timestamptz
);
CREATE INDEX jobs_waiting ON jobs (queue, organization_id, size, run_at, id) WHERE lease_token IS NULL;
CREATE INDEX jobs_running ON jobs (queue, lease_until) WHERE lease_token IS NOT NULL;
CREATE INDEX jobs_organization ON jobs (organization_id);
CREATE INDEX jobs_subject ON jobs (subject_id);
CREATE TABLE job_turns (
    queue text NOT NULL,
    organization_id uuid NOT NULL,
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (queue, organization_id)
);
CREATE INDEX job_turns_organization ON job_turns (organization_id);
CREATE FUNCTION jobs_notify() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify(TG_TABLE_SCHEMA || '_jobs', ''); RETURN NULL; END $$;
CREATE TRIGGER jobs_notify AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION jobs_notify();
"""

# Only transactions without an organization see the jobs of the installation.
OWN = (
    "organization_id = coalesce(nullif(current_setting('app.organization_id', true), '')::uuid,"
    f" '{INSTALLATION}'::uuid)"
)


def _functions(service: str) -> str:
    """The functions that see all jobs. Row-level security hides other tenants' jobs from a worker.

    Claims of a queue are serialized by an advisory lock, so that concurrent claims never count the same
    running jobs. A loose index scan finds the organizations that have waiting jobs, so that the cost of a
    claim depends on the number of organizations, not on the length of their queues.
    """
    search_path = f"{service}, public, pg_temp"
    return f"""
CREATE FUNCTION claim_jobs(
    p_queue text, p_wanted integer, p_max_size integer, p_per_organization integer, p_lease interval
) RETURNS TABLE (
    id uuid, queue text, kind text, organization_id uuid, subject_id uuid, args jsonb, size smallint,
    run_at timestamptz, attempts integer, lease_token uuid, waited interval
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = {search_path} AS $$
#variable_conflict use_column
DECLARE
    now_at timestamptz;
    picked uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('{service}.jobs'), hashtext(p_queue));
    now_at := clock_timestamp();
    UPDATE jobs SET lease_token = NULL, lease_until = NULL WHERE jobs.id IN (
        SELECT j.id FROM jobs j
        WHERE j.queue = p_queue AND j.lease_token IS NOT NULL AND j.lease_until < now_at
        FOR UPDATE SKIP LOCKED);
    FOR turn IN 1..p_wanted LOOP
        WITH RECURSIVE organizations AS (
            (SELECT j.organization_id FROM jobs j WHERE j.queue = p_queue AND j.lease_token IS NULL
             ORDER BY j.organization_id LIMIT 1)
            UNION ALL
            SELECT (SELECT j.organization_id FROM jobs j
                    WHERE j.queue = p_queue AND j.lease_token IS NULL
                      AND j.organization_id > o.organization_id
                    ORDER BY j.organization_id LIMIT 1)
            FROM organizations o WHERE o.organization_id IS NOT NULL
        ), running AS (
            SELECT j.organization_id, count(*) AS jobs FROM jobs j
            WHERE j.queue = p_queue AND j.lease_token IS NOT NULL GROUP BY j.organization_id
        )
        SELECT next.id INTO picked
        FROM organizations o
        LEFT JOIN running r ON r.organization_id = o.organization_id
        LEFT JOIN job_turns t ON t.queue = p_queue AND t.organization_id = o.organization_id
        CROSS JOIN generate_series(0, p_max_size) AS class(size)
        CROSS JOIN LATERAL (
            SELECT j.id, j.run_at FROM jobs j
            WHERE j.queue = p_queue AND j.lease_token IS NULL AND j.organization_id = o.organization_id
              AND j.size = class.size AND j.run_at <= now_at
            ORDER BY j.run_at, j.id LIMIT 1
        ) AS next
        WHERE o.organization_id IS NOT NULL
          AND (p_per_organization IS NULL OR coalesce(r.jobs, 0) < p_per_organization)
        ORDER BY coalesce(r.jobs, 0), class.size, t.claimed_at NULLS FIRST, next.run_at, next.id
        LIMIT 1;
        EXIT WHEN picked IS NULL;
        RETURN QUERY UPDATE jobs j SET lease_token = gen_random_uuid(), lease_until = now_at + p_lease,
            attempts = j.attempts + 1
        WHERE j.id = picked AND j.lease_token IS NULL
        RETURNING j.id, j.queue, j.kind, j.organization_id, j.subject_id, j.args, j.size, j.run_at,
                  j.attempts, j.lease_token, now_at - greatest(j.run_at, j.enqueued_at);
        INSERT INTO job_turns (queue, organization_id, claimed_at)
        SELECT j.queue, j.organization_id, clock_timestamp() FROM jobs j WHERE j.id = picked
        ON CONFLICT ON CONSTRAINT job_turns_pkey DO UPDATE SET claimed_at = excluded.claimed_at;
    END LOOP;
END $$;
CREATE FUNCTION heartbeat_jobs(p_ids uuid[], p_tokens uuid[], p_lease interval) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = {search_path} AS $$
    UPDATE jobs j SET lease_until = clock_timestamp() + p_lease
    FROM unnest(p_ids, p_tokens) AS held(id, token)
    WHERE j.id = held.id AND j.lease_token = held.token RETURNING j.id;
$$;
CREATE FUNCTION queue_depth(p_queue text) RETURNS TABLE (waiting bigint, running bigint, oldest interval)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {search_path} AS $$
    SELECT count(*) FILTER (WHERE lease_token IS NULL), count(*) FILTER (WHERE lease_token IS NOT NULL),
           coalesce(clock_timestamp() - min(greatest(run_at, enqueued_at)) FILTER (
               WHERE lease_token IS NULL AND run_at <= clock_timestamp()), '0')
    FROM jobs WHERE queue = p_queue;
$$;
REVOKE ALL ON FUNCTION claim_jobs(text, integer, integer, integer, interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION heartbeat_jobs(uuid[], uuid[], interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION queue_depth(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_jobs(text, integer, integer, integer, interval) TO dinsight_{service};
GRANT EXECUTE ON FUNCTION heartbeat_jobs(uuid[], uuid[], interval) TO dinsight_{service};
GRANT EXECUTE ON FUNCTION queue_depth(text) TO dinsight_{service};
"""  # noqa: S608 - the name of the service is a constant in its migration


def jobs_schema(service: str) -> str:
    """The SQL script that creates the queue of a service. Run it once, in a migration."""
    isolation = [tenant_isolation(service, table, OWN) for table in ("jobs", "job_turns")]
    return "\n".join([TABLES, _functions(service), *isolation])
