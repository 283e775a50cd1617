"""Deleted analyses, of which late anomalies open no alert, and an index that finds an analysis' alerts."""

from shared.postgres.ddl import run, tenant_isolation

revision = "alerting_0009"
down_revision = "alerting_0008"

TABLES = """
CREATE TABLE deleted_analyses (
    analysis_id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deleted_analyses_organization ON deleted_analyses (organization_id);
CREATE INDEX alerts_analysis ON alerts ((data ->> 'analysis_id')) WHERE data ->> 'analysis_id' IS NOT NULL;
"""


def upgrade() -> None:
    run(TABLES)
    run(tenant_isolation("alerting", "deleted_analyses"))
