"""This service's outbox and inbox, and what it keeps of machines and members, which other services own."""

from shared.postgres.ddl import MESSAGING, run, tenant_isolation

revision = "alerting_0001"
down_revision = None

# A deleted row is a tombstone: an event that comes late must not bring the machine or member back.
REFERENCES = """
CREATE TABLE machine_refs (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    name VARCHAR(255) NOT NULL,
    status VARCHAR(50) NOT NULL,
    deleted BOOLEAN NOT NULL DEFAULT false,
    version BIGINT NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX machine_refs_organization ON machine_refs (organization_id);
CREATE TABLE member_refs (
    organization_id UUID NOT NULL,
    user_id UUID NOT NULL,
    email TEXT,
    full_name TEXT,
    role VARCHAR(50) NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT true,
    deleted BOOLEAN NOT NULL DEFAULT false,
    version BIGINT NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, user_id)
);
"""


def upgrade() -> None:
    run(MESSAGING)
    run(REFERENCES)
    run(tenant_isolation("alerting", "machine_refs"))
    run(tenant_isolation("alerting", "member_refs"))
