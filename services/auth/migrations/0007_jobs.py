"""The mail queue: what waits to be sent or answered becomes jobs; mail loses its own leases."""

from shared.jobs.queue import INSTALLATION
from shared.jobs.schema import jobs_schema
from shared.postgres.ddl import run

revision = "auth_0007"
down_revision = "auth_0006"

# Attempts that were already made still count.
MOVE = f"""
INSERT INTO jobs (id, queue, kind, organization_id, subject_id, args, size, run_at, attempts)
SELECT id, 'mail', 'message', '{INSTALLATION}', id, '{{}}', 0, next_attempt_at, attempts
FROM mail WHERE status = 'waiting';
INSERT INTO jobs (id, queue, kind, organization_id, subject_id, args, size, run_at)
SELECT id, 'mail', 'password-reset', '{INSTALLATION}', id, '{{}}', 0, requested_at FROM reset_requests;
ALTER TABLE mail DROP COLUMN next_attempt_at, DROP COLUMN lease_id, DROP COLUMN leased_until,
    DROP COLUMN attempts;
DROP INDEX reset_requests_order;
"""  # noqa: S608 - a constant of the code


def upgrade() -> None:
    run(jobs_schema("auth"))
    run(MOVE)
