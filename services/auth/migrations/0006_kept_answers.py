"""Kept answers of `Idempotency-Key` know the request's whole body and the rights behind it."""

from shared.postgres.ddl import KEPT_ANSWERS, run

revision = "auth_0006"
down_revision = "auth_0005"


def upgrade() -> None:
    run(KEPT_ANSWERS)
