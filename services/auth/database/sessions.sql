-- name: insert_refresh_token!
-- Add a refresh token.
INSERT INTO refresh_tokens (id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at,
                            rotated_at, revoked_at, ip_address, user_agent, sealed_successor, methods)
VALUES (:id, :user_id, :token_hash, :expires_at, :created_at, :family_id, :signed_in_at,
        :rotated_at, :revoked_at, :ip_address::text::inet, :user_agent, :sealed_successor, :methods);

-- name: get_refresh_token^
-- One refresh token, by its hash.
SELECT id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at, rotated_at, revoked_at,
       host(ip_address) AS ip_address, user_agent, sealed_successor, methods
FROM refresh_tokens WHERE token_hash = :token_hash;

-- name: rotate_family!
-- Mark the valid token of a family as used, and forget successors that nobody may ask for any more.
UPDATE refresh_tokens
SET rotated_at = coalesce(rotated_at, :now),
    sealed_successor = CASE WHEN rotated_at IS NULL THEN :sealed_successor::bytea END
WHERE family_id = :family_id AND revoked_at IS NULL
  AND (rotated_at IS NULL OR (sealed_successor IS NOT NULL AND rotated_at < :repeatable_since));

-- name: revoke_family!
-- End a session.
UPDATE refresh_tokens SET revoked_at = :now WHERE family_id = :family_id AND revoked_at IS NULL;

-- name: revoke_user_tokens
-- End all sessions of a user, except the one that is kept. Each has one token that was not rotated.
WITH ended AS (
    UPDATE refresh_tokens SET revoked_at = :now
    WHERE user_id = :user_id AND family_id IS DISTINCT FROM :kept::uuid AND revoked_at IS NULL
    RETURNING family_id, rotated_at
)
SELECT family_id FROM ended WHERE rotated_at IS NULL;

-- name: strengthen_family!
-- Note that the user of a session has proved a second factor.
UPDATE refresh_tokens SET methods = array_append(methods, :method)
WHERE family_id = :family_id AND NOT methods @> ARRAY[:method::text];

-- name: list_sessions
-- The user's active sessions, latest sign-in first.
SELECT id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at, rotated_at, revoked_at,
       host(ip_address) AS ip_address, user_agent, sealed_successor, methods
FROM refresh_tokens
WHERE user_id = :user_id AND rotated_at IS NULL AND revoked_at IS NULL AND expires_at > :now
  AND (:after_at::timestamptz IS NULL OR (signed_in_at, family_id) < (:after_at, :after_id::uuid))
ORDER BY signed_in_at DESC, family_id DESC
LIMIT :limit;

-- name: get_session^
-- One of the user's active sessions.
SELECT id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at, rotated_at, revoked_at,
       host(ip_address) AS ip_address, user_agent, sealed_successor, methods
FROM refresh_tokens
WHERE user_id = :user_id AND family_id = :family_id
  AND rotated_at IS NULL AND revoked_at IS NULL AND expires_at > :now;

-- name: delete_expired_tokens!
-- Delete tokens that have expired, whose reuse need not be detected.
DELETE FROM refresh_tokens WHERE expires_at < :before;
