"""Phase 1, authentication and organizations; also signing keys, the throttle, outbox and inbox."""

from shared.postgres.ddl import CURRENT_ORGANIZATION, CURRENT_USER, MESSAGING, run, tenant_isolation

revision = "auth_0001"
down_revision = None

IDENTITY = """
CREATE TABLE users (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    email VARCHAR(255) UNIQUE NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    full_name VARCHAR(255) NOT NULL,
    role VARCHAR(50) NOT NULL DEFAULT 'user',
    is_active BOOLEAN DEFAULT true,
    email_verified BOOLEAN DEFAULT false,
    last_login TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_users_email ON users(email);
CREATE INDEX idx_users_role ON users(role);
CREATE TABLE organizations (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    name VARCHAR(255) NOT NULL,
    slug VARCHAR(255) UNIQUE NOT NULL,
    description TEXT,
    industry VARCHAR(100),
    settings JSONB DEFAULT '{}',
    subscription_tier VARCHAR(50) DEFAULT 'free',
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    version BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX idx_organizations_slug ON organizations(slug);
-- One sequence for all memberships: one that is ended and begun again keeps rising.
CREATE SEQUENCE membership_versions;
CREATE TABLE user_organizations (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    organization_id UUID NOT NULL REFERENCES organizations(id) ON DELETE CASCADE,
    role VARCHAR(50) NOT NULL DEFAULT 'member',
    joined_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    version BIGINT NOT NULL DEFAULT nextval('membership_versions'),
    UNIQUE(user_id, organization_id)
);
CREATE INDEX idx_user_organizations_user ON user_organizations(user_id);
CREATE INDEX idx_user_organizations_org ON user_organizations(organization_id);
CREATE TABLE refresh_tokens (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    token_hash VARCHAR(255) UNIQUE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    -- All tokens of one sign-in are a family; the family is what its user knows as a session.
    family_id UUID NOT NULL,
    signed_in_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rotated_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    ip_address INET,
    user_agent TEXT
);
CREATE INDEX idx_refresh_tokens_user ON refresh_tokens(user_id);
CREATE INDEX idx_refresh_tokens_expires ON refresh_tokens(expires_at);
-- One token of a family is live at any time; two would be two sessions under one name.
CREATE UNIQUE INDEX refresh_tokens_live ON refresh_tokens(family_id)
WHERE rotated_at IS NULL AND revoked_at IS NULL;
CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    public_jwk JSONB NOT NULL,
    private_jwk TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    signs_from TIMESTAMP WITH TIME ZONE NOT NULL,
    verifies_until TIMESTAMP WITH TIME ZONE
);
CREATE TABLE password_attempts (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    failed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    free_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX password_attempts_failed_at ON password_attempts(failed_at);
"""

# Users see the organizations that they belong to, whichever of them is active.
OWN_ORGANIZATIONS = f"""
id = {CURRENT_ORGANIZATION} OR EXISTS (
    SELECT FROM user_organizations AS m
    WHERE m.organization_id = organizations.id AND m.user_id = {CURRENT_USER}
)
"""
OWN_MEMBERSHIPS = f"organization_id = {CURRENT_ORGANIZATION} OR user_id = {CURRENT_USER}"
# Seeing one's own memberships must not mean to make them: joining happens in the organization's name.
JOINING = f"""
CREATE POLICY user_organizations_join ON user_organizations AS RESTRICTIVE FOR INSERT TO dinsight_auth
WITH CHECK (organization_id = {CURRENT_ORGANIZATION});
"""


def upgrade() -> None:
    run(MESSAGING)
    run(IDENTITY)
    run(tenant_isolation("auth", "user_organizations", OWN_MEMBERSHIPS))
    run(JOINING)
    run(tenant_isolation("auth", "organizations", OWN_ORGANIZATIONS))
