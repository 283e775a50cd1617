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

-- name: insert_organization^
-- Add an organization; no row if the slug is taken.
INSERT INTO organizations (id, name, slug, description, industry, settings, subscription_tier, is_active,
                           created_at, updated_at, version, single_sign_on_only, second_factor_required)
VALUES (:id, :name, :slug, :description, :industry, :settings, :subscription_tier, :is_active,
        :created_at, :updated_at, :version, :single_sign_on_only, :second_factor_required)
ON CONFLICT (slug) DO NOTHING
RETURNING id;

-- name: get_organization^
-- One organization.
SELECT * FROM organizations WHERE id = :id;

-- name: get_organization_for_update^
-- One organization, locked until the transaction ends: changes of its members are serialized here.
SELECT * FROM organizations WHERE id = :id FOR NO KEY UPDATE;

-- name: list_organizations
-- The user's organizations, and the role in each, newest first.
SELECT o.*, m.role FROM organizations AS o JOIN user_organizations AS m ON m.organization_id = o.id
WHERE m.user_id = :user_id AND m.is_active AND o.is_active
  AND (:after_at::timestamptz IS NULL OR (o.created_at, o.id) < (:after_at, :after_id::uuid))
ORDER BY o.created_at DESC, o.id DESC
LIMIT :limit;

-- name: update_organization!
-- Update everything that can change.
UPDATE organizations
SET name = :name, slug = :slug, description = :description, industry = :industry, settings = :settings,
    is_active = :is_active, updated_at = :updated_at, version = :version,
    single_sign_on_only = :single_sign_on_only, second_factor_required = :second_factor_required
WHERE id = :id;

-- name: list_sign_in_rules
-- What the user's organizations demand of sign-ins, of those that demand anything.
SELECT o.id, o.single_sign_on_only, o.second_factor_required
FROM user_organizations AS m JOIN organizations AS o ON o.id = m.organization_id
WHERE m.user_id = :user_id AND (o.single_sign_on_only OR o.second_factor_required);

-- name: insert_membership^
-- Add a membership.
INSERT INTO user_organizations (id, user_id, organization_id, role, joined_at, is_active)
VALUES (:id, :user_id, :organization_id, :role, :joined_at, :is_active)
RETURNING *;

-- name: get_member^
-- One member of an organization.
SELECT m.*, u.email, u.full_name, u.is_active AS account_is_active FROM user_organizations AS m JOIN users AS u ON u.id = m.user_id
WHERE m.organization_id = :organization_id AND m.user_id = :user_id;

-- name: list_members
-- An organization's members, latest first.
SELECT m.*, u.email, u.full_name, u.is_active AS account_is_active FROM user_organizations AS m JOIN users AS u ON u.id = m.user_id
WHERE m.organization_id = :organization_id
  AND (:after_at::timestamptz IS NULL OR (m.joined_at, m.id) < (:after_at, :after_id::uuid))
ORDER BY m.joined_at DESC, m.id DESC
LIMIT :limit;

-- name: list_active_memberships
-- The user's active memberships in active organizations.
SELECT m.* FROM user_organizations AS m JOIN organizations AS o ON o.id = m.organization_id
WHERE m.user_id = :user_id AND m.is_active AND o.is_active
ORDER BY m.joined_at, m.id;

-- name: has_other_owner$
-- Whether the organization has another owner who can act.
SELECT EXISTS (
    SELECT FROM user_organizations AS m JOIN users AS u ON u.id = m.user_id
    WHERE m.organization_id = :organization_id AND m.role = 'owner' AND m.is_active AND u.is_active
      AND m.user_id <> :user_id
);

-- name: change_membership^
-- Change the role of a member, or whether the member has access.
UPDATE user_organizations SET role = :role, is_active = :is_active, version = nextval('membership_versions')
WHERE organization_id = :organization_id AND user_id = :user_id
RETURNING *;

-- name: renew_memberships
-- Give all memberships of a user whose name or state changed new versions.
UPDATE user_organizations SET version = nextval('membership_versions') WHERE user_id = :user_id RETURNING *;

-- name: delete_membership^
-- Delete a membership; the version is for the event that reports it.
DELETE FROM user_organizations WHERE organization_id = :organization_id AND user_id = :user_id
RETURNING id, user_id, organization_id, role, joined_at, nextval('membership_versions') AS version, is_active;

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

-- name: get_feed^
-- The feed of an organization.
SELECT * FROM feeds WHERE organization_id = :organization_id;

-- name: put_feed^
-- Ask for a feed, or for a new password of it, which the broker learns from a job.
INSERT INTO feeds AS f (organization_id, created_by, created_at, sealed_password)
VALUES (:organization_id, :created_by, :now, :sealed_password)
ON CONFLICT (organization_id) DO UPDATE SET sealed_password = EXCLUDED.sealed_password, version = f.version + 1
RETURNING *;

-- name: feed_made!
-- The broker knows the password of this version.
UPDATE feeds SET sealed_password = NULL, ready_at = coalesce(ready_at, :now)
WHERE organization_id = :organization_id AND version = :version;

-- name: delete_feed$
-- Delete the feed of an organization.
DELETE FROM feeds WHERE organization_id = :organization_id RETURNING organization_id;

-- name: count_attempt^
-- Count an attempt as failed before it is made, so that concurrent attempts cannot slip through together.
-- No row if the subject must wait.
INSERT INTO password_attempts AS a (subject, failures, failed_at, free_at) VALUES (:subject, 1, :now, :now)
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN a.failed_at < :forgotten THEN 1 ELSE a.failures + 1 END, failed_at = :now
WHERE a.free_at <= :now
RETURNING failures;

-- name: delay_attempts!
-- Delay the next attempt.
UPDATE password_attempts SET free_at = :free_at WHERE subject = :subject;

-- name: attempts_free_at$
-- When the next attempt is allowed.
SELECT free_at FROM password_attempts WHERE subject = :subject;

-- name: reset_attempts!
-- Delete the failures of a subject that has succeeded.
DELETE FROM password_attempts WHERE subject = :subject;

-- name: delete_old_attempts!
-- Delete failures that no longer count.
DELETE FROM password_attempts WHERE failed_at < :before;

-- name: insert_message!
-- Add a message; its content is encrypted.
INSERT INTO mail (id, kind, sealed, expires_at, created_at, about)
VALUES (:id, :kind, :sealed, :expires_at, :created_at, :about);

-- name: get_waiting_message^
-- A message that is still to be sent.
SELECT id, kind, sealed, expires_at, created_at, about FROM mail WHERE id = :id AND status = 'waiting';

-- name: note_message_failure!
-- Record why the last attempt failed.
UPDATE mail SET error = :error WHERE id = :id;

-- name: finish_message!
-- Record that a message was sent or given up, and delete its content.
UPDATE mail SET status = :status, sealed = NULL, error = :error, finished_at = :now WHERE id = :id;

-- name: delete_finished_messages!
-- Delete messages that were sent or given up before.
DELETE FROM mail WHERE status <> 'waiting' AND finished_at < :before;

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

-- name: insert_reset_request!
-- Add a password reset request; whether the account exists is checked later.
INSERT INTO reset_requests (id, email, ip_address, user_agent, requested_at)
VALUES (:id, :email, :ip_address::text::inet, :user_agent, :requested_at);

-- name: take_reset_request^
-- Delete and return the request, which this transaction answers.
DELETE FROM reset_requests WHERE id = :id
RETURNING id, email, host(ip_address) AS ip_address, user_agent, requested_at;

-- name: insert_invitation!
-- Add an invitation, or replace the previous one for the address, which invalidates its link.
INSERT INTO invitations (id, organization_id, email, role, token_hash, invited_by, created_at, expires_at)
VALUES (:id, :organization_id, :email, :role, :token_hash, :invited_by, :created_at, :expires_at)
ON CONFLICT (organization_id, email) DO UPDATE
SET id = excluded.id, role = excluded.role, token_hash = excluded.token_hash,
    invited_by = excluded.invited_by, created_at = excluded.created_at, expires_at = excluded.expires_at;

-- name: get_invitation^
-- One invitation of the organization.
SELECT * FROM invitations WHERE organization_id = :organization_id AND id = :id;

-- name: get_invitation_by_email^
-- The organization's invitation for an address.
SELECT * FROM invitations WHERE organization_id = :organization_id AND email = :email;

-- name: count_invitations$
-- The number of recent open invitations of the organization.
SELECT count(*) FROM invitations WHERE organization_id = :organization_id AND created_at > :since;

-- name: list_invitations
-- The organization's invitations that can still be accepted, newest first.
SELECT * FROM invitations
WHERE organization_id = :organization_id AND expires_at > :now
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: delete_invitation^
-- Delete an invitation that was accepted or withdrawn.
DELETE FROM invitations WHERE organization_id = :organization_id AND id = :id RETURNING id;

-- name: find_invitation_organization$
-- The organization of the invitation with this token, whatever the current scope.
SELECT invitation_place(:token_hash);

-- name: is_invited$
-- Whether any organization has an open invitation for the address, whatever the current scope.
SELECT is_invited(:email, :now);

-- name: get_invitation_by_token^
-- The invitation with this token, in its organization's scope; locked, so that it is accepted only once.
SELECT * FROM invitations WHERE token_hash = :token_hash FOR UPDATE;

-- name: remove_expired_invitations!
-- Delete expired invitations of all organizations.
SELECT delete_expired_invitations(:before);

-- name: insert_user_without_password^
-- Add an account without a password; no row if the address is taken.
INSERT INTO users (id, email, password_hash, full_name, role, is_active, email_verified, last_login,
                   created_at, updated_at)
VALUES (:id, :email, '!', :full_name, :role, :is_active, :email_verified, :last_login,
        :created_at, :updated_at)
ON CONFLICT (email) DO NOTHING
RETURNING id;

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

-- name: insert_audit_entry!
-- Append to the audit trail: there is no update and no delete. Late entries of a deleted user have no address.
INSERT INTO audit_logs (id, user_id, organization_id, action, resource_type, resource_id, changes, ip_address,
                        user_agent, created_at, api_key_id)
SELECT :id, :user_id::uuid, :organization_id, :action, :resource_type, :resource_id, :changes,
       CASE WHEN u.deleted_at IS NULL THEN :ip_address::text::inet END,
       CASE WHEN u.deleted_at IS NULL THEN :user_agent::text END, :created_at, :api_key_id
FROM (VALUES (true)) AS entry LEFT JOIN users AS u ON u.id = :user_id::uuid;

-- name: list_audit_entries
-- The audit trail of the organization, and the sign-ins of its members, newest first. The two kinds are read apart,
-- each from an index in the order of the list, and as many as the page needs; the policy is the union of both.
WITH wanted AS (
    (SELECT * FROM audit_logs
     WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
       AND (:user_id::uuid IS NULL OR user_id = :user_id)
       AND (:action::text IS NULL OR action = :action)
       AND (:resource_type::text IS NULL OR resource_type = :resource_type)
       AND (:resource_id::uuid IS NULL OR resource_id = :resource_id)
       AND (:api_key_id::uuid IS NULL OR api_key_id = :api_key_id)
       AND (:since::timestamptz IS NULL OR created_at >= :since)
       AND (:until::timestamptz IS NULL OR created_at < :until)
       -- The comparison of rows leaves out no partition; that of times does.
       AND (:after_at::timestamptz IS NULL OR created_at <= :after_at)
       AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
     ORDER BY created_at DESC, id DESC
     LIMIT :limit)
    UNION ALL
    (SELECT own.* FROM user_organizations AS m
     CROSS JOIN LATERAL (
         SELECT * FROM audit_logs AS a
         WHERE a.organization_id IS NULL AND a.user_id = m.user_id
           AND (:action::text IS NULL OR a.action = :action)
           AND (:resource_type::text IS NULL OR a.resource_type = :resource_type)
           AND (:resource_id::uuid IS NULL OR a.resource_id = :resource_id)
           AND (:api_key_id::uuid IS NULL OR a.api_key_id = :api_key_id)
           AND (:since::timestamptz IS NULL OR a.created_at >= :since)
           AND (:until::timestamptz IS NULL OR a.created_at < :until)
           AND (:after_at::timestamptz IS NULL OR a.created_at <= :after_at)
           AND (:after_at::timestamptz IS NULL OR (a.created_at, a.id) < (:after_at, :after_id::uuid))
         ORDER BY a.created_at DESC, a.id DESC
         LIMIT :limit
     ) AS own
     WHERE m.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
       AND (:user_id::uuid IS NULL OR m.user_id = :user_id)
     ORDER BY own.created_at DESC, own.id DESC
     LIMIT :limit)
)
SELECT id, user_id, organization_id, action, resource_type, resource_id, changes,
       host(ip_address) AS ip_address, user_agent, created_at, api_key_id
FROM wanted
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: close_organization!
-- Nobody acts in the organization any more.
UPDATE organizations SET is_active = false, deleted_at = :now, updated_at = :now, version = version + 1
WHERE id = :id;

-- name: close_user!
-- Nobody signs in to the account any more.
UPDATE users SET is_active = false, deleted_at = :now, updated_at = :now WHERE id = :id;

-- name: merge_deletion^
-- Store a request or a report in the certificate, which is complete when all services have reported.
INSERT INTO deletions AS d (id, kind, subject_id, part_ids, organization_id, requested_by, requested_at,
                            backups_expire_at, reports)
VALUES (:deletion_id, :kind, :subject_id, :part_ids, :organization_id, :requested_by, :requested_at,
        :backups_expire_at, :reports::jsonb)
ON CONFLICT (id) DO UPDATE
SET reports = excluded.reports || d.reports,
    completed_at = coalesce(d.completed_at, CASE
        WHEN (excluded.reports || d.reports) ?& :services::text[] THEN :finished_at::timestamptz END)
RETURNING *;

-- name: get_deletion^
-- The certificate of a deletion, for whoever requested it.
SELECT * FROM deletions WHERE id = :id AND requested_by = :requested_by;

-- name: list_deletions
-- The deletions that a user requested, in one organization or all, newest first.
SELECT * FROM deletions
WHERE requested_by = :requested_by
  AND (:organization_id::uuid IS NULL OR organization_id = :organization_id)
  AND (:after_at::timestamptz IS NULL OR (requested_at, id) < (:after_at, :after_id::uuid))
ORDER BY requested_at DESC, id DESC LIMIT :limit;

-- name: erase_members
-- End a batch of the memberships of a deleted organization.
DELETE FROM user_organizations WHERE id IN (
    SELECT id FROM user_organizations WHERE organization_id = :subject ORDER BY id LIMIT :batch)
RETURNING organization_id, user_id, nextval('membership_versions') AS version;

-- name: next_membership$
-- An organization that a deleted user still belongs to.
SELECT organization_id FROM user_organizations WHERE user_id = :subject ORDER BY organization_id LIMIT 1;

-- name: erase_membership$
-- End the membership of a deleted user in an organization; returns the version for the event.
DELETE FROM user_organizations WHERE user_id = :subject AND organization_id = :place
RETURNING nextval('membership_versions');

-- name: erase_created_api_keys$
-- Delete the API keys that a deleted user made in the current organization.
WITH gone AS (DELETE FROM api_keys WHERE created_by = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_sent_invitations$
-- Delete the invitations that a deleted user sent from the current organization.
WITH gone AS (DELETE FROM invitations WHERE invited_by = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_mail_jobs$
-- Cancel the sending of messages about what is deleted.
WITH gone AS (
    DELETE FROM jobs WHERE subject_id IN (SELECT id FROM mail WHERE about = :subject) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_mail$
-- Delete a batch of the messages about what is deleted.
WITH gone AS (
    DELETE FROM mail WHERE id IN (SELECT id FROM mail WHERE about = :subject LIMIT :batch) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_invitations$
-- Delete a batch of the invitations of a deleted organization.
WITH gone AS (
    DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE organization_id = :subject LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_api_keys$
-- Delete a batch of the API keys of a deleted organization.
WITH gone AS (
    DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE organization_id = :subject LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_feed$
-- Delete the feed of a deleted organization.
WITH gone AS (DELETE FROM feeds WHERE organization_id = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: tombstone_organization$
-- Leave a tombstone of a deleted organization, to which the audit trail refers.
WITH tombstoned AS (
    UPDATE organizations SET name = 'Deleted organization', slug = 'deleted-' || id, description = NULL,
        industry = NULL, settings = '{}'
    WHERE id = :subject AND slug <> 'deleted-' || id RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: erase_refresh_tokens$
-- Delete a batch of the sessions of a deleted user.
WITH gone AS (
    DELETE FROM refresh_tokens WHERE id IN (SELECT id FROM refresh_tokens WHERE user_id = :subject LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_one_time_tokens$
-- Delete the one-time tokens of a deleted user.
WITH gone AS (DELETE FROM one_time_tokens WHERE user_id = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_totp$
-- Delete the authenticator app of a deleted user.
WITH gone AS (DELETE FROM totp_secrets WHERE user_id = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_passkeys$
-- Delete the passkeys of a deleted user.
WITH gone AS (DELETE FROM passkeys WHERE user_id = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_recovery_codes$
-- Delete the recovery codes of a deleted user.
WITH gone AS (DELETE FROM recovery_codes WHERE user_id = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_challenges$
-- Delete the challenges of a deleted user.
WITH gone AS (DELETE FROM sign_in_challenges WHERE user_id = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_identities$
-- Delete the identities at a provider that were linked to a deleted user.
WITH gone AS (DELETE FROM user_identities WHERE user_id = :subject RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_reset_requests$
-- Delete the requests for a new password of a deleted user's address.
WITH gone AS (
    DELETE FROM reset_requests WHERE email = (SELECT email FROM users WHERE id = :subject) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_received_invitations$
-- Delete the invitations of all organizations to a deleted user's address.
SELECT delete_invitations_to(:subject);

-- name: anonymise_trail$
-- Take what identifies a deleted user out of a batch of entries of the audit trail.
SELECT anonymise_trail(:subject, :batch);

-- name: tombstone_user$
-- Leave a tombstone of a deleted user, to which much refers. RFC 2606: no mail reaches that domain.
WITH tombstoned AS (
    UPDATE users SET email = 'deleted-' || id || '@deleted.invalid', full_name = 'Deleted user',
        password_hash = '!', role = 'user', email_verified = false, last_login = NULL
    WHERE id = :subject AND email <> 'deleted-' || id || '@deleted.invalid' RETURNING 1
)
SELECT count(*) FROM tombstoned;

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

-- name: set_organization_active^
-- Deactivate an organization, or activate it again; no row for a deleted one.
UPDATE organizations SET is_active = :is_active, updated_at = :now, version = version + 1
WHERE id = :id AND deleted_at IS NULL
RETURNING *;

-- name: list_administrators
-- The active administrators of the installation.
SELECT * FROM users WHERE role = 'admin' AND is_active ORDER BY email;

-- name: claim_backup_reminder^
-- Take the turn to remind of late backups; no row if they are not late, or somebody reminded already.
UPDATE last_backup SET reminded_at = :now
WHERE coalesce(verified_at, watched_since) < :verified_before
  AND (reminded_at IS NULL OR reminded_at <= :reminded_before)
RETURNING verified_at;
