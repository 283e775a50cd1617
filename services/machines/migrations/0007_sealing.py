"""No older version runs any more: kept answers are sealed from now on."""

from shared.postgres.ddl import SEALS, run

revision = "machines_0007"
down_revision = "machines_0008"
phase = "after"


def upgrade() -> None:
    run(SEALS)
