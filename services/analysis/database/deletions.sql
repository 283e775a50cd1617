-- name: lock_runs_on_baseline
-- The runs that stand on a baseline or its map, archived ones too, locked until the transaction ends.
SELECT r.id FROM analyses r WHERE r.id <> :id AND r.status <> 'deleting' AND (
    r.baseline_id = :id
    OR r.dinsight_id = (SELECT b.dinsight_id FROM analyses b WHERE b.id = :id AND b.analysis_type = 'baseline')
    OR r.id IN (SELECT o.analysis_id FROM analysis_archives o JOIN analysis_archives b ON b.map_id = o.map_id
                WHERE b.analysis_id = :id AND b.is_baseline AND NOT o.is_baseline)
) ORDER BY r.id FOR UPDATE;

-- name: mark_deleting!
-- Analyses that a job is about to delete.
UPDATE analyses SET status = 'deleting', stage = NULL, deletion_id = :deletion_id WHERE id = ANY (:ids::uuid[]);

-- name: tombstone_machine$
-- Make the replica of a deleted machine a tombstone, also if no event has told of the machine yet: no upload and no
-- event brings it back.
WITH tombstoned AS (
    INSERT INTO machine_refs AS m (id, organization_id, name, status, version, complete_version, deleted,
                                   changed_at)
    VALUES (:subject, :organization, '', 'retired', 0, 0, true, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET deleted = true, name = '', model = NULL, location = NULL, tags = '{}'
    WHERE m.name <> '' OR NOT m.deleted
    RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: tombstone_machines$
-- Make the replicas of a deleted organization's machines tombstones.
WITH tombstoned AS (
    UPDATE machine_refs SET deleted = true, name = '', model = NULL, location = NULL, tags = '{}'
    WHERE organization_id = :subject AND (name <> '' OR NOT deleted) RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: tombstone_organization$
-- Make the replica of a deleted organization a tombstone.
WITH tombstoned AS (
    UPDATE organization_refs SET deleted = true, retention = '{}'
    WHERE organization_id = :subject AND (NOT deleted OR retention <> '{}') RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: mark_analyses_deleting$
-- Mark a batch of the analyses of a deleted machine or organization, and end their jobs: a worker that is busy with
-- one of them loses its lease. Analyses are locked before their jobs, as always.
WITH deleting AS (
    UPDATE analyses SET status = 'deleting', stage = NULL, deletion_id = :deletion
    WHERE id IN (
        SELECT id FROM analyses
        WHERE (machine_id = :machine::uuid OR (:machine::uuid IS NULL AND organization_id = :organization))
          AND deletion_id IS DISTINCT FROM :deletion
        ORDER BY id LIMIT :batch FOR UPDATE)
    RETURNING id
), cancelled AS (
    DELETE FROM jobs USING deleting WHERE jobs.subject_id = deleting.id
)
SELECT count(*) FROM deleting;

-- name: erase_chunks$
-- Delete a batch of chunks of analyses that are being deleted.
WITH gone AS (
    DELETE FROM monitor_chunks WHERE (analysis_id, process_order) IN (
        SELECT c.analysis_id, c.process_order FROM monitor_chunks c JOIN analyses a ON a.id = c.analysis_id
        WHERE a.deletion_id = :deletion LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_anomalies$
-- Delete a batch of anomalies of analyses that are being deleted.
WITH gone AS (
    DELETE FROM anomalies WHERE (id, "timestamp") IN (
        SELECT o.id, o."timestamp" FROM anomalies o JOIN analyses a ON a.id = o.analysis_id
        WHERE a.deletion_id = :deletion LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_monitor$
-- Delete a batch of the results of analyses that are being deleted, and of those placed on their maps.
WITH gone AS (
    DELETE FROM monitor_series WHERE (id, created_at) IN (
        SELECT m.id, m.created_at FROM monitor_series m
        WHERE m.analysis_id IN (SELECT id FROM analyses WHERE deletion_id = :deletion)
           OR m.dinsight_id IN (SELECT dinsight_id FROM analyses
                                WHERE deletion_id = :deletion AND analysis_type = 'baseline')
        LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_packed$
-- Delete a batch of the compressed results of analyses that are being deleted, and of those placed on their maps.
WITH gone AS (
    DELETE FROM monitor_packed WHERE (analysis_id, process_order) IN (
        SELECT m.analysis_id, m.process_order FROM monitor_packed m
        WHERE m.analysis_id IN (SELECT id FROM analyses WHERE deletion_id = :deletion)
           OR m.dinsight_id IN (SELECT dinsight_id FROM analyses
                                WHERE deletion_id = :deletion AND analysis_type = 'baseline')
        LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_features$
-- Delete a batch of the features of analyses that are being deleted. An imported upload may have several analyses.
WITH gone AS (
    DELETE FROM feature_data WHERE id IN (
        SELECT f.id FROM feature_data f
        WHERE f.file_upload_id IN (SELECT a.file_upload_id FROM analyses a WHERE a.deletion_id = :deletion)
          AND NOT EXISTS (
            SELECT FROM analyses o
            WHERE o.file_upload_id = f.file_upload_id AND o.deletion_id IS DISTINCT FROM :deletion)
        LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: next_deleting
-- A batch of analyses that are being deleted, locked; runs come before the baselines that they stand on.
SELECT id, file_upload_id, dinsight_id, analysis_type FROM analyses WHERE deletion_id = :deletion
ORDER BY analysis_type = 'baseline', id LIMIT :batch FOR UPDATE;

-- name: discard_of_analyses!
-- Discard the models and archives of analyses.
INSERT INTO discarded_objects (prefix, deletion_id)
SELECT place || id || '/', :deletion::uuid
FROM unnest(:ids::uuid[]) AS id, unnest(ARRAY['models/', 'archives/']) AS place;

-- name: erase_archives$
-- Delete the archives of analyses.
WITH gone AS (DELETE FROM analysis_archives WHERE analysis_id = ANY (:ids::uuid[]) RETURNING 1)
SELECT count(*) FROM gone;

-- name: erase_analyses$
-- Delete analyses whose bulk is gone.
WITH gone AS (DELETE FROM analyses WHERE id = ANY (:ids::uuid[]) RETURNING 1) SELECT count(*) FROM gone;

-- name: unused_uploads
-- Those of the uploads that no analysis has.
SELECT id FROM file_uploads f
WHERE id = ANY (:ids::uuid[]) AND NOT EXISTS (SELECT FROM analyses a WHERE a.file_upload_id = f.id);

-- name: uploads_of_organization
-- A batch of the uploads of a deleted organization that are left: an import may leave some without an analysis.
SELECT id FROM file_uploads WHERE organization_id = :organization ORDER BY id LIMIT :batch;

-- name: discard_of_uploads!
-- Discard the files of uploads, and models that do not lie below their analysis.
INSERT INTO discarded_objects (prefix, deletion_id)
SELECT file_path || '/', :deletion::uuid FROM file_uploads WHERE id = ANY (:ids::uuid[]) AND file_path IS NOT NULL
UNION ALL
SELECT model_key, :deletion::uuid FROM dinsight_data
WHERE file_upload_id = ANY (:ids::uuid[]) AND model_key NOT LIKE 'models/%';

-- name: erase_maps$
-- Delete the maps of baselines and uploads.
WITH gone AS (
    DELETE FROM dinsight_data WHERE id = ANY (:maps::uuid[]) OR file_upload_id = ANY (:ids::uuid[]) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_uploads$
-- Delete uploads.
WITH gone AS (DELETE FROM file_uploads WHERE id = ANY (:ids::uuid[]) RETURNING 1) SELECT count(*) FROM gone;

-- name: erase_monitor_of_organization$
-- Delete a batch of the results of a deleted organization that are left.
WITH gone AS (
    DELETE FROM monitor_series WHERE (id, created_at) IN (
        SELECT id, created_at FROM monitor_series WHERE organization_id = :subject LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_packed_of_organization$
-- Delete a batch of the compressed results of a deleted organization that are left.
WITH gone AS (
    DELETE FROM monitor_packed WHERE (analysis_id, process_order) IN (
        SELECT analysis_id, process_order FROM monitor_packed WHERE organization_id = :subject LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_features_of_organization$
-- Delete a batch of the features of a deleted organization that are left.
WITH gone AS (
    DELETE FROM feature_data WHERE id IN (SELECT id FROM feature_data WHERE organization_id = :subject LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: erase_configs$
-- Delete a batch of the configurations of a deleted organization.
WITH gone AS (
    DELETE FROM config_data WHERE id IN (SELECT id FROM config_data WHERE organization_id = :subject LIMIT :batch)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: objects_of_deletion
-- A batch of the objects and prefixes that go with a deletion; `objects` is null for those that are not measured yet.
SELECT id, prefix, objects FROM discarded_objects WHERE deletion_id = :deletion ORDER BY id LIMIT :batch;

-- name: set_measured!
-- How many objects there are below a prefix, and their bytes.
UPDATE discarded_objects SET objects = :objects, bytes = :bytes WHERE id = :id;

-- name: forget_measured
-- Objects of a deletion that are deleted.
DELETE FROM discarded_objects WHERE objects IS NOT NULL AND id IN (
    SELECT id FROM discarded_objects WHERE deletion_id = :deletion ORDER BY id LIMIT :batch)
RETURNING objects, bytes;
