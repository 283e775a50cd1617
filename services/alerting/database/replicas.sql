-- name: merge_machine!
-- Store what an event or the machines service says about a machine, unless it is older or the machine is deleted.
-- The same version again completes a row that an older program stored without the newest columns.
INSERT INTO machine_refs AS m (id, organization_id, name, status, location, model, tags, legal_hold, deleted,
                               version, complete_version)
VALUES (:id, :organization_id, :name, :status, :location, :model, :tags, :legal_hold, :deleted, :version, :version)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, status = excluded.status, location = excluded.location, model = excluded.model,
    tags = excluded.tags, legal_hold = excluded.legal_hold, deleted = excluded.deleted, version = excluded.version, complete_version = excluded.complete_version,
    seen_at = clock_timestamp()
WHERE m.version <= excluded.version AND m.complete_version < excluded.version AND NOT m.deleted;

-- name: get_machine^
-- A machine of the organization, even a deleted one.
SELECT * FROM machine_refs WHERE id = :id;

-- name: lock_machine^
-- A machine of the organization, locked against deletion until the transaction ends.
SELECT * FROM machine_refs WHERE id = :id FOR SHARE;

-- name: statuses_of_machines
-- The statuses of some machines.
SELECT id, status FROM machine_refs WHERE id = ANY (:ids);

-- name: machines_after
-- Machines of the organization by their ids, even deleted ones.
SELECT * FROM machine_refs
WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid AND id > :after
ORDER BY id LIMIT :limit;

-- name: is_analysis_deleted$
-- Whether an analysis was deleted, so that what is still said of it counts no more.
SELECT true FROM deleted_analyses WHERE analysis_id = :analysis_id;

-- name: merge_member!
-- Store what an event says about a member, unless it is older. A member who left may come back.
INSERT INTO member_refs AS m (organization_id, user_id, email, full_name, role, is_active, deleted, version)
VALUES (:organization_id, :user_id, :email, :full_name, :role, :is_active, :deleted, :version)
ON CONFLICT (organization_id, user_id) DO UPDATE
SET email = excluded.email, full_name = excluded.full_name, role = excluded.role,
    is_active = excluded.is_active, deleted = excluded.deleted, version = excluded.version,
    seen_at = clock_timestamp()
WHERE m.version < excluded.version;

-- name: get_member^
-- A member of the organization, even one who has left.
SELECT * FROM member_refs WHERE user_id = :user_id;

-- name: merge_organization!
-- Store what an event says about an organization, unless it is older.
INSERT INTO organization_refs AS o (organization_id, name, retention, version, deleted, changed_at)
VALUES (:organization_id, :name, :retention, :version, :deleted, :changed_at)
ON CONFLICT (organization_id) DO UPDATE
SET name = excluded.name, retention = excluded.retention, version = excluded.version, deleted = excluded.deleted,
    changed_at = excluded.changed_at
WHERE o.version <= excluded.version;
