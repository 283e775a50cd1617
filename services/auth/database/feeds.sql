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
