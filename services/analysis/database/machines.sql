-- name: get_machine_ref^
-- The replica of a machine, which may be a tombstone.
SELECT * FROM machine_refs WHERE id = :id;

-- name: lock_machine_ref^
-- The replica of a machine, locked against deletion until the transaction ends.
SELECT * FROM machine_refs WHERE id = :id FOR SHARE;

-- name: merge_machine_ref$
-- Store a newer version of a machine; older ones are ignored, and a deleted machine stays deleted. The same version
-- again completes a row that an older program stored without the newest columns.
INSERT INTO machine_refs AS m (id, organization_id, name, status, model, location, tags, legal_hold, version,
                               complete_version, deleted, changed_at)
VALUES (:id, :organization_id, :name, :status, :model, :location, :tags, :legal_hold, :version, :version, :deleted,
        :changed_at)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, status = excluded.status, model = excluded.model, location = excluded.location,
    tags = excluded.tags, legal_hold = excluded.legal_hold, version = excluded.version,
    complete_version = excluded.complete_version, deleted = excluded.deleted, changed_at = excluded.changed_at
WHERE m.version <= excluded.version AND m.complete_version < excluded.version AND NOT m.deleted
RETURNING true;

-- name: lock_analyses_of_machine
-- The first lock: workers, too, lock an analysis before anything that belongs to it.
SELECT id FROM analyses WHERE machine_id = :machine_id ORDER BY id FOR UPDATE;

-- name: delete_sources_of_machine!
-- Delete the sources of a machine; their jobs find nothing to do.
DELETE FROM sources WHERE machine_id = :machine_id;

-- name: discard_objects_of_machine!
-- Discard the objects of a machine's uploads and archives (all below a prefix) and its models.
INSERT INTO discarded_objects (prefix)
SELECT name FROM (
SELECT f.file_path || '/' AS name FROM file_uploads f JOIN analyses a ON a.file_upload_id = f.id
WHERE a.machine_id = :machine_id AND f.file_path IS NOT NULL
UNION
SELECT d.model_key FROM dinsight_data d JOIN analyses a ON a.dinsight_id = d.id
WHERE a.machine_id = :machine_id AND d.model_key IS NOT NULL
UNION
SELECT unnest(ARRAY[r.prefix || '/', r.model_key]) FROM analysis_archives r JOIN analyses a ON a.id = r.analysis_id
WHERE a.machine_id = :machine_id AND r.expired_at IS NULL
) AS discarded WHERE name IS NOT NULL;

-- name: delete_counts_of_machine!
-- The counts of the machine's runs, in one statement, so that its sums are derived once and not for each run.
DELETE FROM run_hours WHERE machine_id = :machine_id;

-- name: delete_state_of_machine!
-- The machine's state, after its runs.
DELETE FROM machine_states WHERE machine_id = :machine_id;

-- name: delete_alerts_of_machine!
-- The replicas of the machine's alerts.
DELETE FROM alert_refs WHERE machine_id = :machine_id;

-- name: delete_anomalies_of_machine!
-- Anomalies of the machine's runs.
DELETE FROM anomalies WHERE machine_id = :machine_id;

-- name: delete_monitor_of_machine!
-- Results placed on the machine's maps, and results of its analyses.
DELETE FROM monitor_series
WHERE dinsight_id IN (SELECT dinsight_id FROM analyses WHERE machine_id = :machine_id)
   OR analysis_id IN (SELECT id FROM analyses WHERE machine_id = :machine_id);

-- name: delete_analyses_of_machine
-- The machine's analyses; returns the uploads and maps to delete next.
DELETE FROM analyses WHERE machine_id = :machine_id RETURNING file_upload_id, dinsight_id;

-- name: delete_maps!
-- Maps that no analysis refers to any more.
DELETE FROM dinsight_data WHERE id = ANY (:ids::uuid[]) OR file_upload_id = ANY (:upload_ids::uuid[]);

-- name: delete_features!
-- Features of uploads.
DELETE FROM feature_data WHERE file_upload_id = ANY (:ids::uuid[]);

-- name: delete_uploads!
-- Uploads, which are deleted last.
DELETE FROM file_uploads WHERE id = ANY (:ids::uuid[]);
