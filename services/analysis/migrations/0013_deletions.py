"""Analyses that are being deleted, and objects that are deleted with them and counted for the certificate."""

from shared.postgres.ddl import run

revision = "analysis_0013"
down_revision = "analysis_0012"

COLUMNS = """
ALTER TABLE analyses ADD COLUMN deletion_id UUID;
CREATE INDEX analyses_deletion ON analyses (deletion_id) WHERE deletion_id IS NOT NULL;
ALTER TABLE discarded_objects ADD COLUMN deletion_id UUID, ADD COLUMN objects BIGINT, ADD COLUMN bytes BIGINT;
CREATE INDEX discarded_objects_deletion ON discarded_objects (deletion_id, id) WHERE deletion_id IS NOT NULL;
"""


def upgrade() -> None:
    run(COLUMNS)
