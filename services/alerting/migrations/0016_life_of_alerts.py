"""Alerts have an assignee, an outcome and a fault code; their changes are kept for their timelines."""

from shared.postgres.ddl import run, tenant_isolation

revision = "alerting_0016"
down_revision = "alerting_0015"

TABLES = """
ALTER TABLE alerts ADD COLUMN assigned_to UUID, ADD COLUMN outcome VARCHAR(20),
    ADD COLUMN fault_code VARCHAR(100);
CREATE TABLE alert_changes (
    alert_id UUID NOT NULL REFERENCES alerts(id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    organization_id UUID NOT NULL,
    kind VARCHAR(20) NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    by_user UUID,
    reason TEXT,
    code VARCHAR(50),
    status VARCHAR(20) NOT NULL,
    severity VARCHAR(20) NOT NULL,
    assigned_to UUID,
    PRIMARY KEY (alert_id, version)
);
CREATE INDEX alert_changes_organization ON alert_changes (organization_id, at);
"""


def upgrade() -> None:
    run(TABLES)
    run(tenant_isolation("alerting", "alert_changes"))
