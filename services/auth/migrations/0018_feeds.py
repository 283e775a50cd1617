"""Feeds of organizations: a topic for each that asked for one."""

from shared.postgres.ddl import run, tenant_isolation

revision = "auth_0018"
down_revision = "auth_0017"

# The sealed password is deleted as soon as the broker knows it.
FEEDS = """
CREATE TABLE feeds (
    organization_id UUID PRIMARY KEY REFERENCES organizations(id) ON DELETE CASCADE,
    created_by UUID NOT NULL REFERENCES users(id),
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ready_at TIMESTAMP WITH TIME ZONE,
    sealed_password TEXT,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX feeds_created_by ON feeds (created_by);
"""


def upgrade() -> None:
    run(FEEDS)
    run(tenant_isolation("auth", "feeds"))
