"""A configuration may name the roles of features: judged, context or ignored."""

from shared.postgres.ddl import run

revision = "analysis_0021"
down_revision = "analysis_0020"

# The default is a constant, so no row is rewritten.
COLUMN = "ALTER TABLE config_data ADD COLUMN roles JSONB NOT NULL DEFAULT '{}';"


def upgrade() -> None:
    run(COLUMN)
