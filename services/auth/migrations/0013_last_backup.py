"""The last verified backup, noted by the program `backup`: administrators are told when it is too old."""

from shared.postgres.ddl import run

revision = "auth_0013"
down_revision = "auth_0012"

# One row at most; none where backups were never set up.
TABLE = """
CREATE TABLE last_backup (
    one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    watched_since TIMESTAMP WITH TIME ZONE NOT NULL,
    verified_at TIMESTAMP WITH TIME ZONE,
    reminded_at TIMESTAMP WITH TIME ZONE
);
REVOKE INSERT, DELETE ON last_backup FROM dinsight_auth;
"""


def upgrade() -> None:
    run(TABLE)
