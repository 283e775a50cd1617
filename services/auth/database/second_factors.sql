-- name: get_totp^
-- The secret of the user's authenticator app.
SELECT * FROM totp_secrets WHERE user_id = :user_id;

-- name: put_totp!
-- Add or replace the secret of the user's authenticator app; it is encrypted.
INSERT INTO totp_secrets (user_id, sealed, created_at, confirmed_at, last_step)
VALUES (:user_id, :sealed, :created_at, :confirmed_at, :last_step)
ON CONFLICT (user_id) DO UPDATE
SET sealed = excluded.sealed, created_at = excluded.created_at, confirmed_at = excluded.confirmed_at,
    last_step = excluded.last_step;

-- name: delete_totp!
-- Delete the secret of the user's authenticator app.
DELETE FROM totp_secrets WHERE user_id = :user_id;

-- name: list_passkeys
-- The user's passkeys, in the order in which they were added.
SELECT * FROM passkeys WHERE user_id = :user_id ORDER BY created_at, id;

-- name: insert_passkey^
-- Add a passkey; no row if it is registered already.
INSERT INTO passkeys (id, user_id, name, credential_id, public_key, sign_count, transports, created_at, last_used_at)
VALUES (:id, :user_id, :name, :credential_id, :public_key, :sign_count, :transports, :created_at, :last_used_at)
ON CONFLICT (credential_id) DO NOTHING
RETURNING id;

-- name: record_passkey_use!
-- Store the counter of a passkey that has signed, and when.
UPDATE passkeys SET sign_count = :sign_count, last_used_at = :last_used_at WHERE id = :id;

-- name: delete_passkey^
-- Delete a passkey of the user.
DELETE FROM passkeys WHERE user_id = :user_id AND id = :id RETURNING id;

-- name: delete_passkeys!
-- Delete all passkeys of the user.
DELETE FROM passkeys WHERE user_id = :user_id;

-- name: count_recovery_codes$
-- How many recovery codes the user has left.
SELECT count(*) FROM recovery_codes WHERE user_id = :user_id;

-- name: delete_recovery_codes!
-- Delete the user's recovery codes.
DELETE FROM recovery_codes WHERE user_id = :user_id;

-- name: insert_recovery_codes!
-- Add recovery codes, by their hashes.
INSERT INTO recovery_codes (code_hash, user_id, created_at)
SELECT unnest(:hashes::text[]), :user_id, :now;

-- name: use_recovery_code^
-- Use a recovery code: of two concurrent requests only one gets a row.
DELETE FROM recovery_codes WHERE user_id = :user_id AND code_hash = :code_hash RETURNING code_hash;

-- name: insert_challenge!
-- Add a challenge, by the hash of its token.
INSERT INTO sign_in_challenges (token_hash, user_id, purpose, methods, nonce, failures, expires_at)
VALUES (:token_hash, :user_id, :purpose, :methods, :nonce, :failures, :expires_at);

-- name: get_challenge^
-- A challenge that can still be answered.
SELECT * FROM sign_in_challenges
WHERE token_hash = :token_hash AND purpose = :purpose AND expires_at > :now;

-- name: count_challenge_failure!
-- Count a wrong answer.
UPDATE sign_in_challenges SET failures = failures + 1 WHERE token_hash = :token_hash;

-- name: delete_challenge!
-- Delete a challenge that was answered, or answered wrongly too often.
DELETE FROM sign_in_challenges WHERE token_hash = :token_hash;

-- name: delete_challenges!
-- Delete all challenges of a user whose access ends.
DELETE FROM sign_in_challenges WHERE user_id = :user_id;

-- name: delete_expired_challenges!
-- Delete challenges that nobody can answer any more.
DELETE FROM sign_in_challenges WHERE expires_at <= :now;
