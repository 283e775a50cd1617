"""Runs of `dinsight maintenance`, which alone reads and writes them; the service has no right on them."""

from shared.postgres.ddl import run

revision = "auth_0009"
down_revision = "auth_0008"

TABLE = """
CREATE TABLE maintenance_runs (
    id UUID PRIMARY KEY,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    successful BOOLEAN NOT NULL DEFAULT false,
    steps JSONB NOT NULL DEFAULT '[]'
);
CREATE INDEX maintenance_runs_finished ON maintenance_runs (finished_at) WHERE successful;
REVOKE ALL ON maintenance_runs FROM dinsight_auth;
"""


def upgrade() -> None:
    run(TABLE)
