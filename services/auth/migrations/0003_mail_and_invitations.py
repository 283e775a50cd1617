"""Mail that goes out, one-time links, requests for a new password, and invitations."""

from shared.postgres.ddl import run, tenant_isolation

revision = "auth_0003"
down_revision = "auth_0002"

# `sealed` is the letter, encrypted because one-time links stand in it; it goes when the letter is done with.
MAIL = """
CREATE TABLE mail (
    id UUID PRIMARY KEY,
    kind VARCHAR(50) NOT NULL,
    sealed TEXT,
    status VARCHAR(20) NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_id UUID,
    leased_until TIMESTAMP WITH TIME ZONE,
    error TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX mail_due ON mail (next_attempt_at) WHERE status = 'waiting';
CREATE INDEX mail_finished ON mail (finished_at) WHERE status <> 'waiting';
CREATE TABLE one_time_tokens (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    purpose VARCHAR(50) NOT NULL,
    token_hash VARCHAR(255) UNIQUE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX one_time_tokens_user ON one_time_tokens (user_id, purpose, created_at);
CREATE INDEX one_time_tokens_expires ON one_time_tokens (expires_at);
-- Noted for any address, and answered later: the request takes as long for one that nobody has.
CREATE TABLE reset_requests (
    id UUID PRIMARY KEY,
    email VARCHAR(255) NOT NULL,
    ip_address INET,
    user_agent TEXT,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX reset_requests_order ON reset_requests (requested_at);
CREATE TABLE invitations (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations(id) ON DELETE CASCADE,
    email VARCHAR(255) NOT NULL,
    role VARCHAR(50) NOT NULL,
    token_hash VARCHAR(255) UNIQUE NOT NULL,
    invited_by UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    UNIQUE (organization_id, email)
);
CREATE INDEX invitations_page ON invitations (organization_id, created_at DESC, id DESC);
CREATE INDEX invitations_expires ON invitations (expires_at);
"""

# Who holds a link belongs to no organization yet: the link's hash tells which one to act in, and no more.
ACROSS_ORGANIZATIONS = """
CREATE FUNCTION invitation_place(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = auth, pg_temp AS
$$ SELECT organization_id FROM invitations WHERE token_hash = wanted $$;
CREATE FUNCTION delete_expired_invitations(before timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = auth, pg_temp AS
$$ DELETE FROM invitations WHERE expires_at < before $$;
REVOKE ALL ON FUNCTION invitation_place(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION delete_expired_invitations(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invitation_place(text) TO dinsight_auth;
GRANT EXECUTE ON FUNCTION delete_expired_invitations(timestamptz) TO dinsight_auth;
"""


def upgrade() -> None:
    run(MAIL)
    run(tenant_isolation("auth", "invitations"))
    run(ACROSS_ORGANIZATIONS)
