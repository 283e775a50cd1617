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
-- The number of recent invitations of the organization, also of those that were withdrawn.
SELECT count(*) FROM invitations WHERE organization_id = :organization_id AND created_at > :since;

-- name: list_invitations
-- The organization's invitations that can still be accepted, newest first.
SELECT * FROM invitations
WHERE organization_id = :organization_id AND expires_at > :now
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: delete_invitation^
-- Delete an invitation that was accepted.
DELETE FROM invitations WHERE organization_id = :organization_id AND id = :id RETURNING id;

-- name: expire_invitation^
-- End an invitation that was withdrawn. It is kept for a while, because its mail counts.
UPDATE invitations SET expires_at = :now
WHERE organization_id = :organization_id AND id = :id AND expires_at > :now RETURNING id;

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
