"""Kept answers of `Idempotency-Key` tell the ids in their sealed bodies, so that deletions find them."""

from shared.postgres.ddl import SEALED_IDS, run

revision = "analysis_0023"
down_revision = "analysis_0022"


def upgrade() -> None:
    run(SEALED_IDS)
