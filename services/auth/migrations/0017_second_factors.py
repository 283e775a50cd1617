"""Second factors, how sessions were signed in, and what organizations demand of it.

Sessions from before have no methods: they meet no demand, and whoever needs to signs in again.
"""

from shared.postgres.ddl import run

revision = "auth_0017"
down_revision = "auth_0016"

COLUMNS = """
ALTER TABLE organizations ADD COLUMN single_sign_on_only BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE organizations ADD COLUMN second_factor_required BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE refresh_tokens ADD COLUMN methods TEXT[] NOT NULL DEFAULT '{}';
"""

# A TOTP secret is encrypted, because it must be read; recovery codes and challenges are hashes.
TABLES = """
CREATE TABLE totp_secrets (
    user_id UUID PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    sealed TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    last_step BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE passkeys (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    name VARCHAR(100) NOT NULL,
    credential_id BYTEA UNIQUE NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    transports TEXT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX passkeys_user ON passkeys (user_id);
CREATE TABLE recovery_codes (
    code_hash VARCHAR(64) PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);
CREATE TABLE sign_in_challenges (
    token_hash VARCHAR(64) PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    purpose VARCHAR(20) NOT NULL,
    methods TEXT[] NOT NULL,
    nonce BYTEA NOT NULL,
    failures INTEGER NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX sign_in_challenges_user ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_expires ON sign_in_challenges (expires_at);
"""

# A first sign-in at the provider comes before any organization: whether it is invited is all that it may ask.
ACROSS_ORGANIZATIONS = """
CREATE FUNCTION is_invited(address text, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = auth, pg_temp AS
$$ SELECT EXISTS (SELECT FROM invitations WHERE email = address AND expires_at > at) $$;
REVOKE ALL ON FUNCTION is_invited(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_invited(text, timestamptz) TO dinsight_auth;
"""


def upgrade() -> None:
    run(COLUMNS)
    run(TABLES)
    run(ACROSS_ORGANIZATIONS)
