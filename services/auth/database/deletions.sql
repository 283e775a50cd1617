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

-- name: tombstone_user$
-- Leave a tombstone of a deleted user, to which much refers. RFC 2606: no mail reaches that domain.
WITH tombstoned AS (
    UPDATE users SET email = 'deleted-' || id || '@deleted.invalid', full_name = 'Deleted user',
        password_hash = '!', role = 'user', email_verified = false, last_login = NULL
    WHERE id = :subject AND email <> 'deleted-' || id || '@deleted.invalid' RETURNING 1
)
SELECT count(*) FROM tombstoned;
