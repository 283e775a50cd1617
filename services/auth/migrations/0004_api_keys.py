"""API keys of organizations, sign-in through a provider, and the key's id in the audit trail."""

from shared.postgres.ddl import run, tenant_isolation

revision = "auth_0004"
down_revision = "auth_0003"

# A key never has the role of an owner: whoever finds it must not be able to take the organization over.
API_KEYS = """
CREATE TABLE api_keys (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations(id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    role VARCHAR(50) NOT NULL CHECK (role <> 'owner'),
    secret_hash VARCHAR(64) NOT NULL,
    created_by UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX api_keys_page ON api_keys (organization_id, created_at DESC, id DESC);
CREATE INDEX api_keys_created_by ON api_keys (created_by);
"""

# Who presents a key has no organization yet. The function tells it to the holder of the secret and nobody
# else; everything further is read under row-level security.
EXCHANGE = """
CREATE FUNCTION api_key_organization(key_id uuid, key_secret_hash text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = auth, pg_temp AS
$$ SELECT organization_id FROM api_keys WHERE id = key_id AND secret_hash = key_secret_hash $$;
REVOKE ALL ON FUNCTION api_key_organization(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api_key_organization(uuid, text) TO dinsight_auth;
"""

# A flow is one browser's way to the provider and back, by hashes; an identity is whom the provider names.
OIDC = """
CREATE TABLE oidc_flows (
    state_hash VARCHAR(64) PRIMARY KEY,
    secret_hash VARCHAR(64) NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX oidc_flows_expires ON oidc_flows (expires_at);
CREATE TABLE user_identities (
    issuer TEXT NOT NULL,
    subject VARCHAR(255) NOT NULL,
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    linked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_user ON user_identities (user_id);
"""

# No foreign key: the trail outlives the key.
TRAIL = """
ALTER TABLE audit_logs ADD COLUMN api_key_id UUID;
"""


def upgrade() -> None:
    run(API_KEYS)
    run(tenant_isolation("auth", "api_keys"))
    run(EXCHANGE)
    run(OIDC)
    run(TRAIL)
