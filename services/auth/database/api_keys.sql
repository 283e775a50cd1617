-- name: insert_api_key!
-- Add an API key; its secret is hashed.
INSERT INTO api_keys (id, organization_id, name, role, secret_hash, created_by, created_at, expires_at,
                      last_used_at)
VALUES (:id, :organization_id, :name, :role, :secret_hash, :created_by, :created_at, :expires_at,
        :last_used_at);

-- name: get_api_key^
-- One API key of the current organization.
SELECT * FROM api_keys WHERE id = :id;

-- name: list_api_keys
-- An organization's API keys, newest first.
SELECT * FROM api_keys
WHERE organization_id = :organization_id
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: delete_api_key^
-- Delete an API key.
DELETE FROM api_keys WHERE organization_id = :organization_id AND id = :id RETURNING *;

-- name: delete_api_keys_created_by
-- Delete the keys of a member who leaves: they must not work again if the member returns.
DELETE FROM api_keys WHERE organization_id = :organization_id AND created_by = :user_id RETURNING *;

-- name: api_key_organization$
-- The organization of the key with this id and secret, which only its holder knows.
SELECT api_key_organization(:id, :secret_hash);

-- name: record_api_key_use!
-- Record when the key was last used, at most every few minutes.
UPDATE api_keys SET last_used_at = :now
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :before);
