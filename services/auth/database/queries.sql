-- name: insert_user^
-- A new account; no row when the address is taken. The hash is made of a keyed hash of the password.
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
-- One account by its address in lower case.
SELECT * FROM users WHERE email = :email;

-- name: get_user_for_update^
-- One account, locked until the transaction ends: everything about its sessions takes turns here.
SELECT * FROM users WHERE id = :id FOR NO KEY UPDATE;

-- name: check_password^
-- Whether the keyed hash is that of the account's password, and the cost of the stored bcrypt hash.
-- An account that was taken over from elsewhere may have no usable hash: nothing matches it.
SELECT CASE WHEN password_hash ~ '^\$2[a-z]?\$\d+\$' THEN crypt(:prehash, password_hash) = password_hash
            ELSE crypt(:prehash, gen_salt('bf', :cost)) IS NULL END AS matches,
       substring(password_hash FROM '^\$2[a-z]?\$(\d+)\$')::integer AS cost
FROM users WHERE id = :id;

-- name: waste_password_check^
-- The work of check_password for an address without an account, so that the answer takes as long.
SELECT crypt(:prehash, gen_salt('bf', :cost)) IS NULL AS matches;

-- name: set_password!
-- A new password hash.
UPDATE users SET password_hash = crypt(:prehash, gen_salt('bf', :cost)), updated_at = :now WHERE id = :id;

-- name: drop_password!
-- No password opens the account any more.
UPDATE users SET password_hash = '!', updated_at = :now WHERE id = :id;

-- name: update_user!
-- Everything that may change, but the password.
UPDATE users
SET full_name = :full_name, is_active = :is_active, email_verified = :email_verified,
    last_login = :last_login, updated_at = :updated_at
WHERE id = :id;

-- name: insert_organization^
-- A new organization; no row when the slug is taken.
INSERT INTO organizations (id, name, slug, description, industry, settings, subscription_tier, is_active,
                           created_at, updated_at, version)
VALUES (:id, :name, :slug, :description, :industry, :settings, :subscription_tier, :is_active,
        :created_at, :updated_at, :version)
ON CONFLICT (slug) DO NOTHING
RETURNING id;

-- name: get_organization^
-- One organization.
SELECT * FROM organizations WHERE id = :id;

-- name: get_organization_for_update^
-- One organization, locked until the transaction ends: changes of its members take turns here.
SELECT * FROM organizations WHERE id = :id FOR NO KEY UPDATE;

-- name: list_organizations
-- A user's organizations with the role in each, newest first.
SELECT o.*, m.role FROM organizations AS o JOIN user_organizations AS m ON m.organization_id = o.id
WHERE m.user_id = :user_id
  AND (:after_at::timestamptz IS NULL OR (o.created_at, o.id) < (:after_at, :after_id::uuid))
ORDER BY o.created_at DESC, o.id DESC
LIMIT :limit;

-- name: update_organization!
-- Everything that may change.
UPDATE organizations
SET name = :name, slug = :slug, description = :description, industry = :industry, settings = :settings,
    is_active = :is_active, updated_at = :updated_at, version = :version
WHERE id = :id;

-- name: insert_membership^
-- A user joins an organization.
INSERT INTO user_organizations (id, user_id, organization_id, role, joined_at)
VALUES (:id, :user_id, :organization_id, :role, :joined_at)
RETURNING *;

-- name: get_member^
-- One member of an organization.
SELECT m.*, u.email, u.full_name, u.is_active FROM user_organizations AS m JOIN users AS u ON u.id = m.user_id
WHERE m.organization_id = :organization_id AND m.user_id = :user_id;

-- name: list_members
-- An organization's members, latest first.
SELECT m.*, u.email, u.full_name, u.is_active FROM user_organizations AS m JOIN users AS u ON u.id = m.user_id
WHERE m.organization_id = :organization_id
  AND (:after_at::timestamptz IS NULL OR (m.joined_at, m.id) < (:after_at, :after_id::uuid))
ORDER BY m.joined_at DESC, m.id DESC
LIMIT :limit;

-- name: list_active_memberships
-- A user's memberships in the organizations that are active.
SELECT m.* FROM user_organizations AS m JOIN organizations AS o ON o.id = m.organization_id
WHERE m.user_id = :user_id AND o.is_active
ORDER BY m.joined_at, m.id;

-- name: has_other_owner$
-- Whether the organization has another owner whose account is open.
SELECT EXISTS (
    SELECT FROM user_organizations AS m JOIN users AS u ON u.id = m.user_id
    WHERE m.organization_id = :organization_id AND m.role = 'owner' AND u.is_active AND m.user_id <> :user_id
);

-- name: set_member_role^
-- Another role for a member.
UPDATE user_organizations SET role = :role, version = nextval('membership_versions')
WHERE organization_id = :organization_id AND user_id = :user_id
RETURNING *;

-- name: renew_memberships
-- New versions for all memberships of a user whose name or state changed.
UPDATE user_organizations SET version = nextval('membership_versions') WHERE user_id = :user_id RETURNING *;

-- name: delete_membership^
-- A member leaves; the version is that of the event that tells of it.
DELETE FROM user_organizations WHERE organization_id = :organization_id AND user_id = :user_id
RETURNING id, user_id, organization_id, role, joined_at, nextval('membership_versions') AS version;

-- name: insert_refresh_token!
-- A new refresh token.
INSERT INTO refresh_tokens (id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at,
                            rotated_at, revoked_at, ip_address, user_agent)
VALUES (:id, :user_id, :token_hash, :expires_at, :created_at, :family_id, :signed_in_at,
        :rotated_at, :revoked_at, :ip_address::text::inet, :user_agent);

-- name: get_refresh_token^
-- One refresh token.
SELECT id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at, rotated_at, revoked_at,
       host(ip_address) AS ip_address, user_agent
FROM refresh_tokens WHERE token_hash = :token_hash;

-- name: rotate_family!
-- The live token of a family is used up.
UPDATE refresh_tokens SET rotated_at = :now
WHERE family_id = :family_id AND rotated_at IS NULL AND revoked_at IS NULL;

-- name: revoke_family!
-- A session ends.
UPDATE refresh_tokens SET revoked_at = :now WHERE family_id = :family_id AND revoked_at IS NULL;

-- name: revoke_user_tokens!
-- All sessions of a user end, but the one that is kept.
UPDATE refresh_tokens SET revoked_at = :now
WHERE user_id = :user_id AND family_id IS DISTINCT FROM :kept::uuid AND revoked_at IS NULL;

-- name: list_sessions
-- A user's live sessions, latest sign-in first.
SELECT id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at, rotated_at, revoked_at,
       host(ip_address) AS ip_address, user_agent
FROM refresh_tokens
WHERE user_id = :user_id AND rotated_at IS NULL AND revoked_at IS NULL AND expires_at > :now
  AND (:family_id::uuid IS NULL OR family_id = :family_id)
  AND (:after_at::timestamptz IS NULL OR (signed_in_at, family_id) < (:after_at, :after_id::uuid))
ORDER BY signed_in_at DESC, family_id DESC
LIMIT :limit;

-- name: delete_expired_tokens!
-- Tokens that could not even be reused any more.
DELETE FROM refresh_tokens WHERE expires_at < :before;

-- name: lock_signing_keys^
-- Replicas take turns making keys; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('auth.signing_keys'));

-- name: list_signing_keys
-- Keys that sign or still verify, newest first.
SELECT * FROM signing_keys WHERE verifies_until IS NULL OR verifies_until > :now ORDER BY signs_from DESC, id;

-- name: insert_signing_key!
-- A new key pair; the private half comes encrypted.
INSERT INTO signing_keys (id, public_jwk, private_jwk, created_at, signs_from, verifies_until)
VALUES (:id, :public_jwk, :private_jwk, :created_at, :signs_from, :verifies_until);

-- name: retire_signing_keys!
-- The older keys verify until the last token that they signed has expired.
UPDATE signing_keys SET verifies_until = :verifies_until WHERE id <> :successor AND verifies_until IS NULL;

-- name: delete_retired_keys!
-- Keys that verify nothing any more.
DELETE FROM signing_keys WHERE verifies_until < :now;

-- name: insert_api_key!
-- A new API key; its secret comes hashed.
INSERT INTO api_keys (id, organization_id, name, role, secret_hash, created_by, created_at, expires_at,
                      last_used_at)
VALUES (:id, :organization_id, :name, :role, :secret_hash, :created_by, :created_at, :expires_at,
        :last_used_at);

-- name: get_api_key^
-- One API key of the active organization.
SELECT * FROM api_keys WHERE id = :id;

-- name: list_api_keys
-- An organization's API keys, newest first.
SELECT * FROM api_keys
WHERE organization_id = :organization_id
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: delete_api_key^
-- An API key ends.
DELETE FROM api_keys WHERE organization_id = :organization_id AND id = :id RETURNING *;

-- name: delete_api_keys_of
-- The keys of a member who leaves: they must not come back to life should the member come back.
DELETE FROM api_keys WHERE organization_id = :organization_id AND created_by = :user_id RETURNING *;

-- name: api_key_organization$
-- Whose the key with this id and secret is; only its holder can ask.
SELECT api_key_organization(:id, :secret_hash);

-- name: note_api_key_use!
-- When the key was last used, written now and then only.
UPDATE api_keys SET last_used_at = :now
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :before);

-- name: count_attempt^
-- Count an attempt as failed before it is made, unless its subject has to wait: attempts made at the same
-- time cannot slip through together. Gives no row when it has to wait.
INSERT INTO password_attempts AS a (subject, failures, failed_at, free_at) VALUES (:subject, 1, :now, :now)
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN a.failed_at < :forgotten THEN 1 ELSE a.failures + 1 END, failed_at = :now
WHERE a.free_at <= :now
RETURNING failures;

-- name: delay_attempts!
-- The next attempt has to wait until then.
UPDATE password_attempts SET free_at = :free_at WHERE subject = :subject;

-- name: attempts_free_at$
-- When the subject may try again.
SELECT free_at FROM password_attempts WHERE subject = :subject;

-- name: forget_attempts!
-- The subject knew the password.
DELETE FROM password_attempts WHERE subject = :subject;

-- name: forget_old_attempts!
-- Failures that do not count any more.
DELETE FROM password_attempts WHERE failed_at < :before;

-- name: insert_letter!
-- A letter to be sent; what it says comes encrypted.
INSERT INTO mail (id, kind, sealed, next_attempt_at, expires_at, created_at)
VALUES (:id, :kind, :sealed, :created_at, :expires_at, :created_at);

-- name: claim_letters
-- Take the letters that are due, longest due first, for a while: others skip those meanwhile.
UPDATE mail SET lease_id = gen_random_uuid(), leased_until = :until
WHERE id IN (
    SELECT id FROM mail
    WHERE status = 'waiting' AND next_attempt_at <= :now AND coalesce(leased_until <= :now, true)
    ORDER BY next_attempt_at LIMIT :wanted
    FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, sealed, attempts, expires_at, created_at, lease_id;

-- name: finish_letter^
-- A letter was sent or is given up: what it said is deleted. Only whoever took it may say so.
UPDATE mail
SET status = :status, sealed = NULL, attempts = attempts + 1, error = :error, finished_at = :now,
    lease_id = NULL, leased_until = NULL
WHERE id = :id AND lease_id = :lease_id
RETURNING id;

-- name: put_letter_back^
-- An attempt failed; another one is made later.
UPDATE mail
SET attempts = attempts + 1, error = :error, next_attempt_at = :due, lease_id = NULL, leased_until = NULL
WHERE id = :id AND lease_id = :lease_id
RETURNING id;

-- name: forget_finished_letters!
-- That they were sent is of no interest any more.
DELETE FROM mail WHERE status <> 'waiting' AND finished_at < :before;

-- name: insert_one_time_token!
-- A new one-time token, by its hash.
INSERT INTO one_time_tokens (id, user_id, purpose, token_hash, created_at, expires_at)
VALUES (:id, :user_id, :purpose, :token_hash, :created_at, :expires_at);

-- name: redeem_one_time_token^
-- Use a token up: of two requests at once one finds it.
DELETE FROM one_time_tokens WHERE token_hash = :token_hash AND purpose = :purpose AND expires_at > :now
RETURNING user_id;

-- name: revoke_one_time_tokens!
-- All tokens of a user for one end.
DELETE FROM one_time_tokens WHERE user_id = :user_id AND purpose = :purpose;

-- name: count_one_time_tokens$
-- How many were made for a user lately.
SELECT count(*) FROM one_time_tokens
WHERE user_id = :user_id AND purpose = :purpose AND created_at > :since;

-- name: delete_expired_one_time_tokens!
-- Tokens that are good for nothing any more.
DELETE FROM one_time_tokens WHERE expires_at < :before;

-- name: insert_reset_request!
-- Somebody asks for a new password; whether there is such an account is seen later.
INSERT INTO reset_requests (id, email, ip_address, user_agent, requested_at)
VALUES (:id, :email, :ip_address::text::inet, :user_agent, :requested_at);

-- name: take_reset_requests
-- The oldest requests, to be answered in this transaction; other replicas take others.
DELETE FROM reset_requests WHERE id IN (
    SELECT id FROM reset_requests ORDER BY requested_at LIMIT :wanted FOR UPDATE SKIP LOCKED
)
RETURNING id, email, host(ip_address) AS ip_address, user_agent, requested_at;

-- name: insert_invitation!
-- A new invitation; an older one of the same address is replaced, and its link is worth nothing any more.
INSERT INTO invitations (id, organization_id, email, role, token_hash, invited_by, created_at, expires_at)
VALUES (:id, :organization_id, :email, :role, :token_hash, :invited_by, :created_at, :expires_at)
ON CONFLICT (organization_id, email) DO UPDATE
SET id = excluded.id, role = excluded.role, token_hash = excluded.token_hash,
    invited_by = excluded.invited_by, created_at = excluded.created_at, expires_at = excluded.expires_at;

-- name: get_invitation^
-- One invitation of the organization.
SELECT * FROM invitations WHERE organization_id = :organization_id AND id = :id;

-- name: get_invitation_by_email^
-- The organization's invitation of an address.
SELECT * FROM invitations WHERE organization_id = :organization_id AND email = :email;

-- name: count_invitations$
-- The organization's open invitations that were sent lately.
SELECT count(*) FROM invitations WHERE organization_id = :organization_id AND created_at > :since;

-- name: list_invitations
-- The organization's invitations that may still be accepted, newest first.
SELECT * FROM invitations
WHERE organization_id = :organization_id AND expires_at > :now
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: delete_invitation^
-- An invitation is accepted or taken back.
DELETE FROM invitations WHERE organization_id = :organization_id AND id = :id RETURNING id;

-- name: find_invitation_place$
-- The organization that a link invites to, whichever it is.
SELECT invitation_place(:token_hash);

-- name: get_invitation_by_token^
-- The invitation of a link, in the transaction of its organization; locked, so that it is accepted once.
SELECT * FROM invitations WHERE token_hash = :token_hash FOR UPDATE;

-- name: remove_expired_invitations!
-- Of all organizations, those that nobody can accept any more.
SELECT delete_expired_invitations(:before);
-- name: insert_user_without_password^
-- A new account whose hash no password has; no row when the address is taken.
INSERT INTO users (id, email, password_hash, full_name, role, is_active, email_verified, last_login,
                   created_at, updated_at)
VALUES (:id, :email, '!', :full_name, :role, :is_active, :email_verified, :last_login,
        :created_at, :updated_at)
ON CONFLICT (email) DO NOTHING
RETURNING id;

-- name: insert_oidc_flow!
-- A browser goes to the provider.
INSERT INTO oidc_flows (state_hash, secret_hash, expires_at) VALUES (:state_hash, :secret_hash, :expires_at);

-- name: take_oidc_flow^
-- The browser that went comes back, once and in time.
DELETE FROM oidc_flows WHERE state_hash = :state_hash AND secret_hash = :secret_hash AND expires_at > :now
RETURNING state_hash;

-- name: delete_expired_oidc_flows!
-- Browsers that will not come back.
DELETE FROM oidc_flows WHERE expires_at <= :now;

-- name: get_linked_user$
-- The account of whom the provider names.
SELECT user_id FROM user_identities WHERE issuer = :issuer AND subject = :subject;

-- name: insert_user_identity!
-- From now on the provider's word signs in to this account.
INSERT INTO user_identities (issuer, subject, user_id, linked_at)
VALUES (:issuer, :subject, :user_id, :linked_at)
ON CONFLICT (issuer, subject) DO NOTHING;

-- name: insert_audit_entry!
-- One entry of the audit trail; there is no update and no delete.
INSERT INTO audit_logs (id, user_id, organization_id, action, resource_type, resource_id, changes, ip_address,
                        user_agent, created_at, api_key_id)
VALUES (:id, :user_id, :organization_id, :action, :resource_type, :resource_id, :changes,
        :ip_address::text::inet, :user_agent, :created_at, :api_key_id);

-- name: list_audit_entries
-- The organization's trail, and its members' sign-ins, newest first.
SELECT id, user_id, organization_id, action, resource_type, resource_id, changes,
       host(ip_address) AS ip_address, user_agent, created_at, api_key_id
FROM audit_logs
WHERE (:user_id::uuid IS NULL OR user_id = :user_id)
  AND (:action::text IS NULL OR action = :action)
  AND (:resource_type::text IS NULL OR resource_type = :resource_type)
  AND (:resource_id::uuid IS NULL OR resource_id = :resource_id)
  AND (:api_key_id::uuid IS NULL OR api_key_id = :api_key_id)
  AND (:since::timestamptz IS NULL OR created_at >= :since)
  AND (:until::timestamptz IS NULL OR created_at < :until)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: ensure_partitions$
-- Make the audit trail's partitions of this month and the coming ones.
SELECT ensure_audit_log_partitions(:months_ahead);
