"""Kept answers of `Idempotency-Key` have a column for sealed bodies, as in every service."""

from shared.postgres.ddl import SEALED_ANSWERS, run

revision = "analysis_0017"
down_revision = "analysis_0016"


def upgrade() -> None:
    run(SEALED_ANSWERS)
