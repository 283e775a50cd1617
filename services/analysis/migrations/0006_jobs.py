"""The queue of the workers: analyses and chunks are claimed as jobs; their own lease columns go."""

from shared.jobs.schema import jobs_schema
from shared.postgres.ddl import run

revision = "analysis_0006"
down_revision = "analysis_0005"


def upgrade() -> None:
    run(jobs_schema("analysis"))
