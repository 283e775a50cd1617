"""Machines have tags, and a legal hold under which nothing of them may be deleted."""

from shared.postgres.ddl import run

revision = "machines_0004"
down_revision = "machines_0003"

COLUMNS = """
ALTER TABLE machines ADD COLUMN tags TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN legal_hold BOOLEAN NOT NULL DEFAULT false;
"""


def upgrade() -> None:
    run(COLUMNS)
