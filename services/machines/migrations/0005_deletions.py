"""The queue of deletions, which this service needs to delete all machines of an organization in batches."""

from shared.jobs.schema import jobs_schema
from shared.postgres.ddl import run

revision = "machines_0005"
down_revision = "machines_0004"


def upgrade() -> None:
    run(jobs_schema("machines"))
