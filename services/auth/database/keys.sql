-- name: lock_signing_keys^
-- Serialize the creation of keys by several replicas; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('auth.signing_keys'));

-- name: list_signing_keys
-- Keys that sign or still verify, newest first.
SELECT * FROM signing_keys WHERE verifies_until IS NULL OR verifies_until > :now ORDER BY signs_from DESC, id;

-- name: insert_signing_key!
-- Add a key pair; the private key is encrypted.
INSERT INTO signing_keys (id, public_jwk, private_jwk, created_at, signs_from, verifies_until)
VALUES (:id, :public_jwk, :private_jwk, :created_at, :signs_from, :verifies_until);

-- name: retire_signing_keys!
-- Older keys verify until the last token that they signed has expired.
UPDATE signing_keys SET verifies_until = :verifies_until WHERE id <> :successor AND verifies_until IS NULL;

-- name: delete_retired_keys!
-- Delete keys that no longer verify any token.
DELETE FROM signing_keys WHERE verifies_until < :now;
