-- name: insert_one_time_token!
-- Add a one-time token, by its hash.
INSERT INTO one_time_tokens (id, user_id, purpose, token_hash, created_at, expires_at)
VALUES (:id, :user_id, :purpose, :token_hash, :created_at, :expires_at);

-- name: redeem_one_time_token^
-- Use a token: of two concurrent requests only one gets a row.
DELETE FROM one_time_tokens WHERE token_hash = :token_hash AND purpose = :purpose AND expires_at > :now
RETURNING user_id;

-- name: revoke_one_time_tokens!
-- Delete all tokens of a user for one purpose.
DELETE FROM one_time_tokens WHERE user_id = :user_id AND purpose = :purpose;

-- name: count_one_time_tokens$
-- How many were recently issued to a user.
SELECT count(*) FROM one_time_tokens
WHERE user_id = :user_id AND purpose = :purpose AND created_at > :since;

-- name: delete_expired_one_time_tokens!
-- Delete tokens that have expired.
DELETE FROM one_time_tokens WHERE expires_at < :before;
