"""Kept answers of `Idempotency-Key` tell the ids in their sealed bodies, so that deletions find them."""

from shared.postgres.ddl import SEALED_IDS, run

revision = "machines_0008"
down_revision = "machines_0006"


def upgrade() -> None:
    run(SEALED_IDS)
