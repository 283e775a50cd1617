"""Alerts have an assignee, an outcome and a fault code; changes are kept; rule templates; alert budgets.

Rows of machines count as incomplete until the consumer group of a new name has read their topic again.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "alerting_0016"
down_revision = "alerting_0014"

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
CREATE TABLE rule_templates (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    name VARCHAR(255) NOT NULL,
    selector JSONB NOT NULL,
    condition JSONB NOT NULL,
    actions JSONB NOT NULL,
    severity VARCHAR(20) NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    sync_after UUID,
    version BIGINT NOT NULL,
    CONSTRAINT rule_templates_created_by_fkey
        FOREIGN KEY (organization_id, created_by) REFERENCES member_refs (organization_id, user_id)
);
CREATE INDEX rule_templates_list ON rule_templates (organization_id, created_at DESC, id DESC);
CREATE INDEX rule_templates_created_by ON rule_templates (organization_id, created_by);
ALTER TABLE alert_rules ADD COLUMN template_id UUID REFERENCES rule_templates(id),
    ADD COLUMN template_version BIGINT, ADD COLUMN overrides TEXT[] NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX alert_rules_template ON alert_rules (template_id, machine_id);
CREATE TABLE alert_budgets (
    organization_id UUID PRIMARY KEY,
    max_alerts INTEGER NOT NULL,
    starts_at TIME NOT NULL,
    ends_at TIME NOT NULL,
    time_zone TEXT NOT NULL,
    min_severity VARCHAR(20) NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL
);
ALTER TABLE machine_refs ADD COLUMN IF NOT EXISTS location TEXT, ADD COLUMN IF NOT EXISTS model TEXT;
UPDATE machine_refs SET complete_version = -1 WHERE NOT deleted;
"""


def upgrade() -> None:
    run(TABLES)
    for table in ("alert_changes", "rule_templates", "alert_budgets"):
        run(tenant_isolation("alerting", table))
