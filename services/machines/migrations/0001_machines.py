"""Phase 2, machine management: the machines table, and this service's outbox and inbox."""

from shared.postgres.ddl import MESSAGING, run, tenant_isolation

revision = "machines_0001"
down_revision = None

MACHINES = """
CREATE TABLE machines (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    organization_id UUID NOT NULL,
    name VARCHAR(255) NOT NULL,
    model VARCHAR(255),
    serial_number VARCHAR(255),
    location VARCHAR(500),
    status VARCHAR(50) DEFAULT 'active',
    metadata JSONB DEFAULT '{}',
    last_analysis_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    version BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX idx_machines_organization ON machines(organization_id);
CREATE INDEX idx_machines_status ON machines(status);
CREATE INDEX machines_page ON machines (organization_id, created_at DESC, id DESC);
"""


def upgrade() -> None:
    run(MESSAGING)
    run(MACHINES)
    run(tenant_isolation("machines", "machines"))
