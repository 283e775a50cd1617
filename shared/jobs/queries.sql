-- name: enqueue_jobs!
-- Add jobs, given as parallel arrays. A job whose id already exists is ignored. Row-level security accepts only
-- jobs of the transaction's organization, which is the default for jobs without one.
INSERT INTO jobs (id, queue, kind, organization_id, subject_id, args, size, run_at)
SELECT n.id, n.queue, n.kind,
       coalesce(n.organization_id, nullif(current_setting('app.organization_id', true), '')::uuid, :installation),
       n.subject_id, n.args::jsonb, n.size, coalesce(n.run_at, clock_timestamp())
FROM unnest(:ids::uuid[], :queues::text[], :kinds::text[], :organizations::uuid[], :subjects::uuid[],
            :args::text[], :sizes::smallint[], :run_ats::timestamptz[])
    AS n(id, queue, kind, organization_id, subject_id, args, size, run_at)
ON CONFLICT (id) DO NOTHING;

-- name: hold_job$
-- Check that the lease is ours, and keep it until the transaction ends.
SELECT true FROM jobs WHERE id = :id AND lease_token = :token FOR SHARE;

-- name: complete_job$
-- Delete a job that is done, if the lease is ours.
DELETE FROM jobs WHERE id = :id AND lease_token = :token RETURNING true;

-- name: retry_job$
-- Put a job back into the queue, if the lease is ours.
UPDATE jobs SET lease_token = NULL, lease_until = NULL, run_at = clock_timestamp() + :after::interval,
    attempts = attempts - (CASE WHEN :counted THEN 0 ELSE 1 END), size = coalesce(:size::smallint, size)
WHERE id = :id AND lease_token = :token RETURNING true;

-- name: cancel_jobs
-- Delete all jobs about these subjects, except one job.
DELETE FROM jobs WHERE subject_id = ANY (:subject_ids::uuid[]) AND id IS DISTINCT FROM :but::uuid RETURNING id;

-- name: claim_jobs
-- Claim due jobs of all organizations, fairly.
SELECT id, queue, kind, organization_id, subject_id, args, size, run_at, attempts, lease_token, waited
FROM claim_jobs(:queue, :wanted, :max_size, :per_organization, :lease::interval);

-- name: heartbeat_jobs
-- Renew leases of jobs of all organizations. Returns the ids of the jobs that are still held.
SELECT id FROM heartbeat_jobs(:ids::uuid[], :tokens::uuid[], :lease::interval) AS id;

-- name: queue_depth^
-- The number of waiting and running jobs of all organizations, and how long the oldest due job has waited.
SELECT waiting, running, oldest FROM queue_depth(:queue);
