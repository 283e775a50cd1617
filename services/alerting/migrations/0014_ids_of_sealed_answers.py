"""Kept answers of `Idempotency-Key` tell the ids in their sealed bodies, so that deletions find them."""

from shared.postgres.ddl import SEALED_IDS, run

revision = "alerting_0014"
down_revision = "alerting_0012"


def upgrade() -> None:
    run(SEALED_IDS)
