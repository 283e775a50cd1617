"""Of samples that wait for the end of their run, the share of features that are missing."""

from shared.postgres.ddl import run

revision = "analysis_0026"
down_revision = "analysis_0024"


def upgrade() -> None:
    run("ALTER TABLE monitor_chunks ADD COLUMN missing REAL[];")
