"""Configurations say how files are read, analyses may bring their own; runs keep the quality of their data.

A configuration that came with an analysis (`inline`) belongs to it, and never becomes the current one.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0022"
down_revision = "analysis_0021"

COLUMNS = """
ALTER TABLE config_data ADD COLUMN reading JSONB NOT NULL DEFAULT '{}',
    ADD COLUMN inline BOOLEAN NOT NULL DEFAULT false;
"""

QUALITY = """
CREATE TABLE analysis_quality (
    analysis_id UUID PRIMARY KEY REFERENCES analyses(id) ON DELETE CASCADE,
    organization_id UUID NOT NULL,
    quality JSONB NOT NULL
);
CREATE INDEX analysis_quality_organization ON analysis_quality (organization_id);
"""


def upgrade() -> None:
    run(COLUMNS)
    run(QUALITY)
    run(tenant_isolation("analysis", "analysis_quality"))
