"""Kept answers of `Idempotency-Key` have a column for sealed bodies, as in every service."""

from shared.postgres.ddl import SEALED_ANSWERS, run

revision = "auth_0012"
down_revision = "auth_0011"


def upgrade() -> None:
    run(SEALED_ANSWERS)
