-- name: get_archive^
-- The archive of an analysis.
SELECT * FROM analysis_archives WHERE analysis_id = :analysis_id;

-- name: archive_of_map^
-- The archive of the baseline that made a map.
SELECT * FROM analysis_archives WHERE map_id = :map_id AND is_baseline;

-- name: lock_any_analysis^
-- An analysis of any status, locked until the transaction ends; those who place a run on its map wait.
SELECT * FROM analyses WHERE id = :id FOR UPDATE;

-- name: archive_obstacles^
-- What may stand in the way of archiving an analysis.
SELECT m.legal_hold,
       EXISTS (SELECT FROM active_baselines v
               WHERE v.machine_id = a.machine_id AND v.analysis_id = a.id) AS active_baseline,
       ARRAY(SELECT r.id FROM analyses r
             WHERE a.analysis_type = 'baseline' AND r.dinsight_id = a.dinsight_id AND r.id <> a.id
               AND r.status NOT IN ('archived', 'failed')) AS runs,
       EXISTS (SELECT FROM analyses o
               WHERE o.file_upload_id = a.file_upload_id AND o.id <> a.id) AS shared_upload
FROM analyses a JOIN machine_refs m ON m.id = a.machine_id WHERE a.id = :id;

-- name: due_analyses
-- Completed analyses of one type that may be archived by their age, in the order of their ids.
SELECT a.* FROM analyses a JOIN machine_refs m ON m.id = a.machine_id
WHERE a.status = 'completed' AND a.analysis_type = :analysis_type AND a.completed_at < :before
  AND a.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
  AND coalesce(a.kept_until < :now, true) AND NOT m.legal_hold
  AND (a.summarized OR a.analysis_type <> 'monitoring')
  AND (:after::uuid IS NULL OR a.id > :after)
ORDER BY a.id LIMIT :limit;

-- name: insert_archive!
-- The archive of an analysis, whose rows are deleted in the same transaction.
INSERT INTO analysis_archives (analysis_id, organization_id, prefix, manifest_sha256, bytes, is_baseline, map_id,
                               model_key, archived_at)
VALUES (:analysis_id, :organization_id, :prefix, :manifest_sha256, :bytes, :is_baseline, :map_id, :model_key,
        :archived_at);

-- name: set_archived!
-- The rows of the analysis are in its archive.
UPDATE analyses SET status = 'archived', archived_at = :archived_at, kept_until = NULL, stage = NULL
WHERE id = :id;

-- name: detach_map!
-- The map of a baseline is about to be archived: nothing can refer to it any more.
UPDATE analyses SET dinsight_id = NULL WHERE dinsight_id = :map_id;

-- name: attach_map!
-- The map of a baseline is back: its archived and failed runs refer to it again.
UPDATE analyses SET dinsight_id = :map_id
WHERE dinsight_id IS NULL AND (
    baseline_id = :baseline_id
    OR id IN (SELECT r.analysis_id FROM analysis_archives r WHERE r.map_id = :map_id)
);

-- name: set_restored!
-- The rows of the analysis are back.
UPDATE analyses SET status = 'completed', archived_at = NULL, kept_until = :kept_until, dinsight_id = :map_id,
    stage = NULL
WHERE id = :id;

-- name: delete_archive!
-- The analysis has its rows again, so nothing needs its archive.
DELETE FROM analysis_archives WHERE analysis_id = :analysis_id;

-- name: set_stage!
-- What a worker is about to do with an analysis that has ended.
UPDATE analyses SET stage = :stage WHERE id = :id AND status IN ('completed', 'archived');

-- name: archived_by_upload$
-- The archived analysis of an upload.
SELECT id FROM analyses WHERE file_upload_id = :upload_id AND status = 'archived' LIMIT 1;

-- name: expiring_archives
-- Archives from before a time, oldest first, except those of machines on legal hold. A baseline's outlives its runs'.
SELECT r.* FROM analysis_archives r JOIN analyses a ON a.id = r.analysis_id
    JOIN machine_refs m ON m.id = a.machine_id
WHERE r.archived_at < :before AND r.expired_at IS NULL AND NOT m.legal_hold
  AND r.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
  AND NOT (r.is_baseline AND EXISTS (
      SELECT FROM analysis_archives o
      WHERE o.map_id = r.map_id AND NOT o.is_baseline AND o.expired_at IS NULL))
ORDER BY r.archived_at, r.analysis_id LIMIT :limit;

-- name: expire_archive$
-- The archive is deleted after its retention; its analysis stays listed.
UPDATE analysis_archives SET expired_at = :now
WHERE analysis_id = :analysis_id AND prefix = :prefix AND expired_at IS NULL RETURNING true;

-- name: columns_of
-- The columns of a table or view, and their types.
SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
WHERE attrelid = :table::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;

-- name: size_statement$
-- The statement that sums up the stored sizes of an analysis' rows in a table.
SELECT format('SELECT coalesce(sum(%s), 0)::bigint FROM %I WHERE %I = $1',
              string_agg(format('coalesce(pg_column_size(%I), 0)', attname), ' + '), :table::text, :key::text)
FROM pg_attribute WHERE attrelid = :table::text::regclass AND attnum > 0 AND NOT attisdropped;

-- name: fingerprint_statement$
-- The statement that computes a fingerprint of an analysis' rows in a table.
SELECT format('SELECT count(*) AS rows, coalesce(sum(hash_record_extended(found, 0)), 0)::text AS digest'
              ' FROM (SELECT * FROM %I WHERE %I = $1) AS found', :table::text, :key::text);

-- name: delete_statement$
-- The statement that deletes an analysis' rows in a table, and computes the fingerprint of those deleted.
SELECT format('WITH found AS (DELETE FROM %I WHERE %I = $1 RETURNING *)'
              ' SELECT count(*) AS rows, coalesce(sum(hash_record_extended(found, 0)), 0)::text AS digest FROM found',
              :table::text, :key::text);

-- name: export_statement$
-- The statement that selects an analysis' rows in a table, in order.
SELECT format('SELECT * FROM %I WHERE %I = $1 ORDER BY %s', :table::text, :key::text, :order::text);

-- name: staging_statement$
-- The statement that makes a place for the rows of a table on their way back: COPY bypasses row-level security.
SELECT format('CREATE TEMPORARY TABLE restored ON COMMIT DROP AS SELECT * FROM %I WITH NO DATA', :table::text);

-- name: unstage_statement$
-- The statement that moves rows from there into their table. Columns that are newer than the archive get defaults.
SELECT format('INSERT INTO %I (%s) SELECT %2$s FROM restored', :table::text, string_agg(quote_ident(name), ', '))
FROM unnest(:columns::text[]) AS name;

-- name: drop_staging!
-- The rows are in their table.
DROP TABLE restored;
