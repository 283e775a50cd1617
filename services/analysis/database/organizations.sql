-- name: merge_organization_ref$
-- Store a newer version of an organization; older ones are ignored.
INSERT INTO organization_refs AS o (organization_id, retention, version, deleted, changed_at)
VALUES (:organization_id, :retention, :version, :deleted, :changed_at)
ON CONFLICT (organization_id) DO UPDATE
SET retention = excluded.retention, version = excluded.version, deleted = excluded.deleted,
    changed_at = excluded.changed_at
WHERE o.version < excluded.version
RETURNING true;
