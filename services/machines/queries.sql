-- name: insert_machine!
-- Inserts a machine.
INSERT INTO machines (id, organization_id, name, model, serial_number, location, status, metadata,
                      tags, legal_hold, last_analysis_at, created_at, updated_at, version, sealed_metadata)
VALUES (:id, :organization_id, :name, :model, :serial_number, :location, :status, :metadata,
        :tags, :legal_hold, :last_analysis_at, :created_at, :updated_at, :version, :sealed_metadata);

-- name: lock_registrations!
-- Registrations of one organization wait for each other until the transaction ends, so that its limit holds.
SELECT pg_advisory_xact_lock(hashtextextended('machines.machines/' || :organization_id::uuid, 0));

-- name: is_full$
-- Whether the organization has this many machines.
SELECT count(*) = :maximum::int FROM (SELECT FROM machines LIMIT :maximum::int) AS counted;

-- name: get_machine^
-- One machine of the organization.
SELECT * FROM machines WHERE id = :id;

-- name: get_machine_for_update^
-- One machine of the organization, locked until the transaction ends.
SELECT * FROM machines WHERE id = :id FOR UPDATE;

-- name: list_machines
-- Machines, newest first, after the cursor if there is one.
SELECT * FROM machines
WHERE (:status::text IS NULL OR status = :status)
  AND (:location::text IS NULL OR starts_with(lower(location), lower(:location)))
  AND (:text::text IS NULL
       OR strpos(lower(concat_ws(' ', name, model, serial_number, location)), lower(:text)) > 0)
  AND (:tag::text IS NULL OR tags @> ARRAY[:tag::text])
  AND (:legal_hold::boolean IS NULL OR legal_hold = :legal_hold)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: update_machine!
-- Updates everything that may change.
UPDATE machines
SET name = :name, model = :model, serial_number = :serial_number, location = :location, status = :status,
    metadata = :metadata, sealed_metadata = :sealed_metadata, tags = :tags, legal_hold = :legal_hold,
    updated_at = :updated_at, version = :version
WHERE id = :id;

-- name: delete_machine!
-- Deletes a machine; other services follow through machine.changed.
DELETE FROM machines WHERE id = :id;

-- name: note_analysis!
-- Records when the latest analysis completed; a late event does not move it back.
UPDATE machines SET last_analysis_at = greatest(coalesce(last_analysis_at, :at), :at) WHERE id = :id;

-- name: erase_machines
-- Delete a batch of the machines of a deleted organization.
DELETE FROM machines WHERE id IN (
    SELECT id FROM machines WHERE organization_id = :subject ORDER BY id LIMIT :batch)
RETURNING id, status, version;
