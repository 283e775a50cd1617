"""A column for sealed values of metadata, and one for sealed bodies of kept answers."""

from shared.postgres.ddl import SEALED_ANSWERS, run

revision = "machines_0006"
down_revision = "machines_0005"


def upgrade() -> None:
    run(SEALED_ANSWERS)
    run("ALTER TABLE machines ADD COLUMN sealed_metadata JSONB NOT NULL DEFAULT '{}';")
