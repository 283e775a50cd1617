"""The outbox without positions: publishing again is asked for by `dinsight republish`, not found out."""

from shared.postgres.ddl import DROP_OUTBOX_POSITIONS, run

revision = "alerting_0004"
down_revision = "alerting_0003"


def upgrade() -> None:
    run(DROP_OUTBOX_POSITIONS)
