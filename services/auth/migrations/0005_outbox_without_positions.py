"""The outbox without positions: publishing again is asked for by `dinsight republish`, not found out."""

from shared.postgres.ddl import DROP_OUTBOX_POSITIONS, run

revision = "auth_0005"
down_revision = "auth_0004"


def upgrade() -> None:
    run(DROP_OUTBOX_POSITIONS)
