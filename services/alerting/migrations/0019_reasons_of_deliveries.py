"""Why a message was not delivered has a code and parameters, so that people read it in their language."""

from shared.postgres.ddl import run

revision = "alerting_0019"
down_revision = "alerting_0017"


def upgrade() -> None:
    run("ALTER TABLE deliveries ADD COLUMN reason JSONB;")
