-- name: insert_oidc_flow!
-- Start a flow.
INSERT INTO oidc_flows (state_hash, secret_hash, expires_at) VALUES (:state_hash, :secret_hash, :expires_at);

-- name: take_oidc_flow^
-- Delete the flow of a browser that returns from the provider; no row if it has expired.
DELETE FROM oidc_flows WHERE state_hash = :state_hash AND secret_hash = :secret_hash AND expires_at > :now
RETURNING state_hash;

-- name: delete_expired_oidc_flows!
-- Delete flows that have expired.
DELETE FROM oidc_flows WHERE expires_at <= :now;

-- name: get_linked_user$
-- The account that is linked to an identity at the provider.
SELECT user_id FROM user_identities WHERE issuer = :issuer AND subject = :subject;

-- name: get_linked_subject$
-- The subject at the provider that the account is linked to; the first one if there are several.
SELECT subject FROM user_identities WHERE issuer = :issuer AND user_id = :user_id
ORDER BY linked_at, subject LIMIT 1;

-- name: insert_user_identity!
-- Link an identity at the provider to an account, unless it is already linked.
INSERT INTO user_identities (issuer, subject, user_id, linked_at)
VALUES (:issuer, :subject, :user_id, :linked_at)
ON CONFLICT (issuer, subject) DO NOTHING;
