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

-- name: list_owned_organizations
-- The organizations that the user owns: also deactivated ones, which may be activated again.
SELECT o.id FROM organizations AS o JOIN user_organizations AS m ON m.organization_id = o.id
WHERE m.user_id = :user_id AND m.role = 'owner' AND m.is_active AND o.deleted_at IS NULL
ORDER BY o.id;

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

-- name: set_organization_active^
-- Deactivate an organization, or activate it again; no row for a deleted one.
UPDATE organizations SET is_active = :is_active, updated_at = :now, version = version + 1
WHERE id = :id AND deleted_at IS NULL
RETURNING *;
