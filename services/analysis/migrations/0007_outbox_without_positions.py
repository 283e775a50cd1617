"""The outbox without positions: publishing again is asked for by `dinsight republish`, not found out."""

from shared.postgres.ddl import DROP_OUTBOX_POSITIONS, run

revision = "analysis_0007"
down_revision = "analysis_0006"


def upgrade() -> None:
    run(DROP_OUTBOX_POSITIONS)
