"""Kept answers of `Idempotency-Key` know the request's whole body and the rights behind it."""

from shared.postgres.ddl import KEPT_ANSWERS, run

revision = "alerting_0005"
down_revision = "alerting_0004"


def upgrade() -> None:
    run(KEPT_ANSWERS)
