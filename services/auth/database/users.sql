-- name: insert_user^
-- Add an account; no row if the address is taken. bcrypt is applied to a keyed hash of the password.
INSERT INTO users (id, email, password_hash, full_name, role, is_active, email_verified, last_login,
                   created_at, updated_at)
VALUES (:id, :email, crypt(:prehash, gen_salt('bf', :cost)), :full_name, :role, :is_active, :email_verified,
        :last_login, :created_at, :updated_at)
ON CONFLICT (email) DO NOTHING
RETURNING id;

-- name: get_user^
-- One account.
SELECT * FROM users WHERE id = :id;

-- name: get_user_by_email^
-- One account, by its address in lower case.
SELECT * FROM users WHERE email = :email;

-- name: get_user_for_update^
-- One account, locked until the transaction ends: changes of its sessions are serialized here.
SELECT * FROM users WHERE id = :id FOR NO KEY UPDATE;

-- name: check_password^
-- Whether the keyed hash matches the account's password, and the cost of the stored bcrypt hash. Imported
-- accounts may have no usable hash: then nothing matches.
SELECT CASE WHEN password_hash ~ '^\$2[a-z]?\$\d+\$' THEN crypt(:prehash, password_hash) = password_hash
            ELSE crypt(:prehash, gen_salt('bf', :cost)) IS NULL END AS matches,
       substring(password_hash FROM '^\$2[a-z]?\$(\d+)\$')::integer AS cost
FROM users WHERE id = :id;

-- name: waste_password_check^
-- The work of check_password for an address without an account, so that the response takes as long.
SELECT crypt(:prehash, gen_salt('bf', :cost)) IS NULL AS matches;

-- name: set_password!
-- Set the password hash.
UPDATE users SET password_hash = crypt(:prehash, gen_salt('bf', :cost)), updated_at = :now WHERE id = :id;

-- name: drop_password!
-- Remove the password.
UPDATE users SET password_hash = '!', updated_at = :now WHERE id = :id;

-- name: update_user!
-- Update everything that can change except the password.
UPDATE users
SET full_name = :full_name, is_active = :is_active, email_verified = :email_verified,
    last_login = :last_login, updated_at = :updated_at
WHERE id = :id;

-- name: insert_user_without_password^
-- Add an account without a password; no row if the address is taken.
INSERT INTO users (id, email, password_hash, full_name, role, is_active, email_verified, last_login,
                   created_at, updated_at)
VALUES (:id, :email, '!', :full_name, :role, :is_active, :email_verified, :last_login,
        :created_at, :updated_at)
ON CONFLICT (email) DO NOTHING
RETURNING id;

-- name: list_users
-- All accounts, or the one with an address, newest first; deleted ones are left out.
SELECT * FROM users
WHERE deleted_at IS NULL
  AND (:email::text IS NULL OR email = :email)
  AND (:is_active::boolean IS NULL OR is_active = :is_active)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: set_user_active^
-- Close an account, or open it again; no row for a deleted one.
UPDATE users SET is_active = :is_active, updated_at = :now WHERE id = :id AND deleted_at IS NULL RETURNING *;

-- name: list_administrators
-- The active administrators of the installation.
SELECT * FROM users WHERE role = 'admin' AND is_active ORDER BY email;
