"""Kept answers of `Idempotency-Key` know the request's whole body and the rights behind it."""

from shared.postgres.ddl import KEPT_ANSWERS, run

revision = "machines_0003"
down_revision = "machines_0002"


def upgrade() -> None:
    run(KEPT_ANSWERS)
