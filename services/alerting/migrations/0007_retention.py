"""The organizations' own limits of retention, and an index by which ended deliveries are found."""

from shared.postgres.ddl import run, tenant_isolation

revision = "alerting_0007"
down_revision = "alerting_0006"

TABLES = """
CREATE TABLE organization_refs (
    organization_id UUID PRIMARY KEY,
    retention JSONB NOT NULL,
    version BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL DEFAULT false,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX deliveries_ended ON deliveries (organization_id, finished_at) WHERE status <> 'pending';
"""


def upgrade() -> None:
    run(TABLES)
    run(tenant_isolation("alerting", "organization_refs"))
