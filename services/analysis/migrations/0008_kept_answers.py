"""Kept answers of `Idempotency-Key` know the request's whole body and the rights behind it."""

from shared.postgres.ddl import KEPT_ANSWERS, run

revision = "analysis_0008"
down_revision = "analysis_0007"


def upgrade() -> None:
    run(KEPT_ANSWERS)
