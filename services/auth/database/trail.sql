-- name: insert_audit_entry!
-- Append to the audit trail: there is no update and no delete. Late entries of a deleted user have no address.
INSERT INTO audit_logs (id, user_id, organization_id, action, resource_type, resource_id, changes, ip_address,
                        user_agent, created_at, api_key_id)
SELECT :id, :user_id::uuid, :organization_id, :action, :resource_type, :resource_id, :changes,
       CASE WHEN u.deleted_at IS NULL THEN :ip_address::text::inet END,
       CASE WHEN u.deleted_at IS NULL THEN :user_agent::text END, :created_at, :api_key_id
FROM (VALUES (true)) AS entry LEFT JOIN users AS u ON u.id = :user_id::uuid;

-- name: list_entries_of_organization
-- The trail of the organization, newest first. The comparison of rows leaves out no partition; that of times does.
SELECT id, user_id, organization_id, action, resource_type, resource_id, changes,
       host(ip_address) AS ip_address, user_agent, created_at, api_key_id
FROM audit_logs
WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
  AND (:user_id::uuid IS NULL OR user_id = :user_id)
  AND (:action::text IS NULL OR action = :action)
  AND (:resource_type::text IS NULL OR resource_type = :resource_type)
  AND (:resource_id::uuid IS NULL OR resource_id = :resource_id)
  AND (:api_key_id::uuid IS NULL OR api_key_id = :api_key_id)
  AND (:since::timestamptz IS NULL OR created_at >= :since)
  AND (:until::timestamptz IS NULL OR created_at < :until)
  AND (:after_at::timestamptz IS NULL OR created_at <= :after_at)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: has_members_beyond$
-- Whether the organization has more members than that, or than that of one user.
SELECT count(*) > :count
FROM (SELECT FROM user_organizations
      WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
        AND (:user_id::uuid IS NULL OR user_id = :user_id)
      LIMIT :count + 1) AS counted;

-- name: list_entries_of_few_members
-- What its members did outside of any organization, such as signing in, newest first, member by member.
SELECT own.id, own.user_id, own.organization_id, own.action, own.resource_type, own.resource_id, own.changes,
       host(own.ip_address) AS ip_address, own.user_agent, own.created_at, own.api_key_id
FROM user_organizations AS m
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
LIMIT :limit;

-- name: list_entries_of_many_members
-- The same, found among what all users did outside of any organization.
SELECT id, user_id, organization_id, action, resource_type, resource_id, changes,
       host(ip_address) AS ip_address, user_agent, created_at, api_key_id
FROM audit_logs AS a
WHERE organization_id IS NULL
  AND EXISTS (SELECT FROM user_organizations AS m
              WHERE m.user_id = a.user_id AND m.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  AND (:user_id::uuid IS NULL OR user_id = :user_id)
  AND (:action::text IS NULL OR action = :action)
  AND (:resource_type::text IS NULL OR resource_type = :resource_type)
  AND (:resource_id::uuid IS NULL OR resource_id = :resource_id)
  AND (:api_key_id::uuid IS NULL OR api_key_id = :api_key_id)
  AND (:since::timestamptz IS NULL OR created_at >= :since)
  AND (:until::timestamptz IS NULL OR created_at < :until)
  AND (:after_at::timestamptz IS NULL OR created_at <= :after_at)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: anonymise_trail$
-- Take what identifies a deleted user out of a batch of entries of the audit trail.
SELECT anonymise_trail(:subject, :batch);
