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
