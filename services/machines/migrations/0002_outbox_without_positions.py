"""The outbox without positions: publishing again is asked for by `dinsight republish`, not found out."""

from shared.postgres.ddl import DROP_OUTBOX_POSITIONS, run

revision = "machines_0002"
down_revision = "machines_0001"


def upgrade() -> None:
    run(DROP_OUTBOX_POSITIONS)
