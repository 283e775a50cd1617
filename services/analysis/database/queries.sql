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

-- name: first_config!
-- An organization's first configuration, in which every column has the specification's default.
INSERT INTO config_data (organization_id, created_at) VALUES (:organization_id, :now)
ON CONFLICT (organization_id, version) DO NOTHING;

-- name: current_config^
-- The newest configuration of the organization that did not come with an analysis.
SELECT * FROM config_data WHERE organization_id = :organization_id AND NOT inline ORDER BY version DESC LIMIT 1;

-- name: lock_configs!
-- Let one transaction at a time add a version. A lock on the newest row would not show the one that follows it.
SELECT pg_advisory_xact_lock(hashtextextended('config_data ' || :organization_id::uuid, 0));

-- name: next_config_version$
-- The number of the next version.
SELECT coalesce(max(version), 0) + 1 FROM config_data WHERE organization_id = :organization_id;

-- name: get_config^
-- One configuration of the organization.
SELECT * FROM config_data WHERE id = :id;

-- name: list_configs
-- Configurations, newest first.
SELECT * FROM config_data
WHERE (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::integer))
ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: insert_config^
-- The next version of a configuration.
INSERT INTO config_data (organization_id, version, gamma0, optimizer, alpha, end_meta, start_dim, end_dim, scaling,
                         detector, ewma, sensitivity, false_alarm_rate, max_missing, imax, lowdim, eta, epsilon, beta1,
                         beta2, beta, a, w1, w2, which_w1, mode, param_mode, roles, created_at, created_by,
                         reading, inline, severity_bands, deteriorating_fraction, failing_fraction,
                         deteriorating_wear, failing_wear)
VALUES (:organization_id, :version, :gamma0, :optimizer, :alpha, :end_meta, :start_dim, :end_dim, :scaling,
        :detector, :ewma, :sensitivity, :false_alarm_rate, :max_missing, :imax, :lowdim, :eta, :epsilon, :beta1,
        :beta2, :beta, :a, :w1, :w2, :which_w1, :mode, :param_mode, :roles, :created_at, :created_by,
        :reading, :inline, :severity_bands, :deteriorating_fraction, :failing_fraction, :deteriorating_wear,
        :failing_wear)
RETURNING *;

-- name: save_quality!
-- The quality of a run's data; an attempt replaces what an earlier one found.
INSERT INTO analysis_quality (analysis_id, organization_id, quality) VALUES (:analysis_id, :organization_id, :quality)
ON CONFLICT (analysis_id) DO UPDATE SET quality = excluded.quality;

-- name: get_quality$
-- The quality of a run's data.
SELECT quality FROM analysis_quality WHERE analysis_id = :analysis_id;

-- name: insert_upload!
-- An upload whose files are in the object store.
INSERT INTO file_uploads (id, organization_id, original_filename, file_size, file_path, status, merged_files,
                          created_at, updated_at)
VALUES (:id, :organization_id, :original_filename, :file_size, :file_path, :status, :merged_files,
        :created_at, :updated_at);

-- name: lock_usage$
-- Let uploads of an organization with quotas be registered one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('quotas ' || :organization_id::uuid, 0));

-- name: usage^
-- What the organization of the transaction has uploaded since a time, stores, and waits for.
SELECT coalesce(sum(file_size) FILTER (WHERE created_at >= :since), 0)::bigint AS uploaded_bytes,
       coalesce(sum(samples) FILTER (WHERE created_at >= :since), 0)::bigint AS uploaded_samples,
       coalesce(sum(file_size) FILTER (WHERE file_path IS NOT NULL), 0)::bigint AS stored_bytes,
       (SELECT count(*) FROM analyses WHERE status IN ('pending', 'processing')) AS unfinished_analyses
FROM file_uploads;

-- name: get_upload^
-- One upload.
SELECT * FROM file_uploads WHERE id = :id;

-- name: set_upload_status!
-- The status of an upload's processing, and its features and samples once they are known.
UPDATE file_uploads SET status = :status, error_message = :error_message, updated_at = :now,
    features = coalesce(:features::jsonb, features), samples = coalesce(:samples, samples)
WHERE id = :id;

-- name: insert_analysis!
-- A new analysis, waiting for a worker.
INSERT INTO analyses (id, organization_id, machine_id, file_upload_id, dinsight_id, baseline_id, config_id,
                      analysis_type, status, created_by, created_at)
VALUES (:id, :organization_id, :machine_id, :file_upload_id, :dinsight_id, :baseline_id, :config_id,
        :analysis_type, :status, :created_by, :created_at);

-- name: get_analysis^
-- One analysis.
SELECT * FROM analyses WHERE id = :id;

-- name: list_analyses
-- Analyses, newest first.
SELECT * FROM analyses
WHERE (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:analysis_type::text IS NULL OR analysis_type = :analysis_type)
  AND (:status::text IS NULL OR status = :status)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: newest_analyses
-- The machine's newest analyses of one type with one of some statuses, newest first.
SELECT * FROM analyses
WHERE machine_id = :machine_id AND analysis_type = :analysis_type AND status = ANY (:statuses::text[])
ORDER BY completed_at DESC, id DESC LIMIT :limit;

-- name: active_baseline^
-- The baseline that judges a machine's next samples.
SELECT analysis_id, by_hand, activated_by, activated_at FROM active_baselines WHERE machine_id = :machine_id;

-- name: hold_versions$
-- Lock the versions of a machine's baselines until the transaction ends, even before the first; their last number.
INSERT INTO machine_baselines (machine_id, organization_id)
SELECT id, organization_id FROM machine_refs WHERE id = :machine_id
ON CONFLICT (machine_id) DO UPDATE SET organization_id = excluded.organization_id
RETURNING versions;

-- name: choose_baseline!
-- Record which baseline somebody chose; null leaves it to the newest one again.
UPDATE machine_baselines SET chosen_id = :analysis_id, chosen_by = :chosen_by, chosen_at = :chosen_at
WHERE machine_id = :machine_id;

-- name: list_versions
-- The versions of a machine's baseline, newest first.
SELECT a.id AS analysis_id, a.baseline_version AS number, a.status, a.created_at, a.created_by, a.completed_at,
       a.config_id, a.results, v.analysis_id IS NOT NULL AS active, coalesce(v.by_hand, false) AS by_hand,
       v.activated_by, v.activated_at,
       a.status = 'completed' AND v.analysis_id IS NULL AND a.id = (
           SELECT b.id FROM analyses b
           WHERE b.machine_id = a.machine_id AND b.analysis_type = 'baseline' AND b.status = 'completed'
           ORDER BY b.completed_at DESC, b.id DESC LIMIT 1) IS TRUE AS proposed,
       n.runs, n.samples AS normal_samples, n.anomalies AS normal_anomalies
FROM analyses a
LEFT JOIN active_baselines v ON v.machine_id = a.machine_id AND v.analysis_id = a.id
CROSS JOIN LATERAL (
    SELECT count(*) AS runs, coalesce(sum(samples), 0)::bigint AS samples,
           coalesce(sum(anomalies), 0)::bigint AS anomalies
    FROM (SELECT r.id FROM analyses r WHERE r.baseline_id = a.id AND r.status IN ('completed', 'archived')
          ORDER BY r.created_at DESC LIMIT :newest_runs) newest
    JOIN normal_runs w ON w.analysis_id = newest.id
) n
WHERE a.machine_id = :machine_id AND a.baseline_version IS NOT NULL AND a.status IN ('completed', 'archived')
  AND (:analysis_id::uuid IS NULL OR a.id = :analysis_id)
  AND (:after_at::timestamptz IS NULL OR (a.created_at, a.id) < (:after_at, :after_id::uuid))
ORDER BY a.created_at DESC, a.id DESC LIMIT :limit;

-- name: begin_analysis^
-- Start an attempt, unless the analysis has ended.
UPDATE analyses SET status = 'processing', stage = 'reading', progress = 0, attempts = :attempt,
    chunks = NULL, chunks_scored = 0, read_at = NULL, timings = NULL
WHERE id = :id AND status IN ('pending', 'processing') RETURNING *;

-- name: lock_analysis^
-- An analysis that is being processed, locked until the transaction ends.
SELECT * FROM analyses WHERE id = :id AND status = 'processing' FOR NO KEY UPDATE;

-- name: lock_analysis_against_deletion$
-- An analysis that is being processed, which nobody deletes until the transaction ends; chunks may be counted.
SELECT true FROM analyses WHERE id = :id AND status = 'processing' FOR KEY SHARE;

-- name: set_progress!
-- The progress of an analysis that is being processed.
UPDATE analyses SET stage = :stage, progress = :progress WHERE id = :id AND status = 'processing';

-- name: requeue_analysis!
-- Return an analysis to the status pending.
UPDATE analyses SET status = 'pending', stage = NULL, progress = 0, attempts = :attempts
WHERE id = :id AND status = 'processing';

-- name: set_read^
-- All files of a run are read; its chunks remain to be scored.
UPDATE analyses SET chunks = :chunks, read_at = :now, timings = :timings, stage = 'scoring'
WHERE id = :id AND status = 'processing' RETURNING chunks, chunks_scored, read_at, timings;

-- name: count_scored^
-- One more chunk of a run is scored.
UPDATE analyses SET chunks_scored = chunks_scored + 1
WHERE id = :id AND status = 'processing' RETURNING chunks, chunks_scored, read_at, timings;

-- name: scoring_state^
-- How many chunks of a run are scored.
SELECT chunks, chunks_scored, read_at, timings FROM analyses WHERE id = :id;

-- name: complete_analysis$
-- Complete an analysis, unless it has ended.
UPDATE analyses SET status = 'completed', stage = NULL, progress = 1, timings = NULL,
    results = :results, dinsight_id = :dinsight_id, completed_at = :now
WHERE id = :id AND status = 'processing' RETURNING true;

-- name: fail_analysis$
-- Fail an analysis, unless it has ended.
UPDATE analyses SET status = 'failed', stage = NULL, timings = NULL, error = :error, completed_at = :now
WHERE id = :id AND status IN ('pending', 'processing') RETURNING true;

-- name: adopt_analyses$
-- Enqueue pending analyses of all organizations that have no job, and return their number.
SELECT adopt_analyses(:max_small_bytes);

-- name: insert_chunk!
-- A chunk of stored samples that waits to be scored.
INSERT INTO monitor_chunks (analysis_id, process_order, organization_id, first_sample, samples, state)
VALUES (:analysis_id, :process_order, :organization_id, :first_sample, :samples, :state);

-- name: get_chunk^
-- A chunk that is not scored yet.
SELECT * FROM monitor_chunks
WHERE analysis_id = :analysis_id AND process_order = :process_order AND summary IS NULL;

-- name: complete_chunk$
-- Store the scores of a chunk, once.
UPDATE monitor_chunks SET summary = :summary, anomalies = :anomalies, missing = :missing
WHERE analysis_id = :analysis_id AND process_order = :process_order AND summary IS NULL
RETURNING true;

-- name: set_chunk_state!
-- The moving average before a chunk, known once the chunk before it is scored.
UPDATE monitor_chunks SET state = :state WHERE analysis_id = :analysis_id AND process_order = :process_order;

-- name: chunk_summaries
-- The results of a run's chunks, in order.
SELECT process_order, summary, anomalies IS NOT NULL AS has_anomalies, missing FROM monitor_chunks
WHERE analysis_id = :analysis_id ORDER BY process_order;

-- name: chunk_anomalies$
-- The anomalies of a chunk, which are published when the run completes.
SELECT anomalies FROM monitor_chunks WHERE analysis_id = :analysis_id AND process_order = :process_order;

-- name: delete_chunks!
-- The chunks of a run that has ended or starts over.
DELETE FROM monitor_chunks WHERE analysis_id = :analysis_id;

-- name: chunk_times
-- What the times of a chunk's anomalies are read from, without the anomalies themselves.
SELECT (a.found ->> 'sample_index')::integer AS sample_index, a.found -> 'metadata' AS metadata
FROM monitor_chunks CROSS JOIN LATERAL jsonb_array_elements(anomalies) AS a (found)
WHERE analysis_id = :analysis_id AND process_order = :process_order;

-- name: delete_monitor!
-- The points of a run that failed or starts over.
DELETE FROM monitor_series WHERE analysis_id = :analysis_id;

-- name: insert_map!
-- A finished map.
INSERT INTO dinsight_data (id, organization_id, file_upload_id, config_id, x_values, y_values, distance_values,
                           misfit_values, model_key, created_at)
VALUES (:id, :organization_id, :file_upload_id, :config_id, :x_values, :y_values, :distance_values,
        :misfit_values, :model_key, :created_at);

-- name: model_key$
-- The object key of a map's model.
SELECT model_key FROM dinsight_data WHERE id = :id;

-- name: insert_monitor*!
-- One chunk of a monitoring run.
INSERT INTO monitor_series (id, organization_id, dinsight_id, analysis_id, process_order, first_sample, samples,
                            monitor_values, x_values, y_values, misfit_values, anomaly_values, metadata, created_at)
VALUES (:id, :organization_id, :dinsight_id, :analysis_id, :process_order, :first_sample, :samples,
        :monitor_values, :x_values, :y_values, :misfit_values, :anomaly_values, :metadata, :created_at);

-- name: insert_anomaly*!
-- An anomaly.
INSERT INTO anomalies (id, organization_id, analysis_id, machine_id, "timestamp", severity, distance, threshold,
                       features, metadata, acknowledged, created_at, sample_index, x, y, stated_time)
VALUES (:id, :organization_id, :analysis_id, :machine_id, :timestamp, :severity, :distance, :threshold,
        :features, :metadata, :acknowledged, :created_at, :sample_index, :x, :y, :stated_time);

-- name: map_points^
-- A map's points, in PostgreSQL's binary array format.
SELECT array_send(x_values[:first : :last]) AS x, array_send(y_values[:first : :last]) AS y,
       array_send(distance_values[:first : :last]) AS distance, array_send(misfit_values[:first : :last]) AS misfit
FROM dinsight_data WHERE id = :id;

-- name: monitor_points
-- The chunks of a monitoring run that contain samples from start to stop, in order; old ones are packed.
SELECT process_order, first_sample, array_send(x_values) AS x, array_send(y_values) AS y,
       array_send(monitor_values) AS distance, array_send(misfit_values) AS misfit,
       anomaly_values AS anomaly, metadata::text AS metadata, NULL::bytea AS packed
FROM monitor_series
WHERE analysis_id = :analysis_id AND first_sample < :stop AND first_sample + samples > :start
UNION ALL
SELECT process_order, first_sample, NULL, NULL, NULL, NULL, NULL, NULL, packed
FROM monitor_packed
WHERE analysis_id = :analysis_id AND first_sample < :stop AND first_sample + samples > :start
ORDER BY process_order;

-- name: monitor_positions
-- The map positions and distances of a monitoring run's samples, in order.
SELECT array_send(x_values) AS x, array_send(y_values) AS y, array_send(monitor_values) AS distance FROM monitor_series
WHERE analysis_id = :analysis_id ORDER BY process_order;

-- name: feature_metadata
-- The metadata of an upload's samples from start to stop, in chunks.
SELECT first_sample, samples, metadata::text AS metadata FROM feature_data
WHERE file_upload_id = :file_upload_id AND first_sample < :stop AND first_sample + samples > :start
ORDER BY chunk_index;

-- name: feature_chunk^
-- The stored features of the chunk that contains a sample.
SELECT first_sample, samples, array_send(feature_values) AS features, packed, metadata::text AS metadata
FROM feature_data
WHERE file_upload_id = :file_upload_id AND first_sample <= :sample AND first_sample + samples > :sample
ORDER BY first_sample DESC LIMIT 1;

-- name: get_anomaly_at^
-- One anomaly whose time is known to the millisecond, from its id: one partition is read.
SELECT * FROM anomalies WHERE id = :id AND "timestamp" >= :since AND "timestamp" < :until;

-- name: get_anomaly^
-- One anomaly at any time: every partition is read.
SELECT * FROM anomalies WHERE id = :id;

-- name: lock_anomaly^
-- One anomaly, locked until the transaction ends.
SELECT * FROM anomalies WHERE id = :id AND "timestamp" = :timestamp FOR UPDATE;

-- name: list_anomalies
-- Anomalies, newest first.
SELECT * FROM anomalies
WHERE (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:analysis_id::uuid IS NULL OR analysis_id = :analysis_id)
  AND (:severity::text IS NULL OR severity = :severity)
  AND (:acknowledged::boolean IS NULL OR acknowledged = :acknowledged)
  AND (:since::timestamptz IS NULL OR "timestamp" >= :since)
  AND (:until::timestamptz IS NULL OR "timestamp" < :until)
  -- The comparison of rows leaves out no partition; that of times does.
  AND (:after_at::timestamptz IS NULL OR "timestamp" <= :after_at)
  AND (:after_at::timestamptz IS NULL OR ("timestamp", id) < (:after_at, :after_id::uuid))
ORDER BY "timestamp" DESC, id DESC LIMIT :limit;

-- name: acknowledge_anomaly!
-- Record who has seen an anomaly, and when.
UPDATE anomalies SET acknowledged = true, acknowledged_by = :user_id, acknowledged_at = :now
WHERE id = :id AND "timestamp" = :timestamp;

-- name: daily_anomalies
-- Anomalies per machine, day and severity.
SELECT machine_id, day, severity, anomalies, worst_ratio FROM anomaly_daily
WHERE (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:since::date IS NULL OR day >= :since) AND (:until::date IS NULL OR day < :until)
ORDER BY day DESC, machine_id, severity LIMIT :limit;


-- name: discard_objects!
-- Note an object or a prefix for deletion once the transaction has committed.
INSERT INTO discarded_objects (prefix) VALUES (:prefix);

-- name: discarded_objects
-- Objects and prefixes that wait for deletion, oldest first; those of a deletion are deleted and counted by its job.
SELECT id, prefix FROM discarded_objects WHERE deletion_id IS NULL ORDER BY id LIMIT :limit;

-- name: forget_discarded!
-- The objects are deleted.
DELETE FROM discarded_objects WHERE id = :id;

-- name: known_objects
-- Those of the uploads and models that are in use, over all organizations.
SELECT known FROM known_objects(:upload_ids::uuid[], :model_keys::text[]);

-- name: known_archives
-- Those of the prefixes that an archive has, over all organizations.
SELECT known FROM known_archives(:prefixes::text[]);

-- name: get_archive^
-- The archive of an analysis.
SELECT * FROM analysis_archives WHERE analysis_id = :analysis_id;

-- name: archive_of_map^
-- The archive of the baseline that made a map.
SELECT * FROM analysis_archives WHERE map_id = :map_id AND is_baseline;

-- name: lock_any_analysis^
-- An analysis of any status, locked until the transaction ends; those who place a run on its map wait.
SELECT * FROM analyses WHERE id = :id FOR UPDATE;

-- name: lock_baseline^
-- A baseline that a new run is placed on, which nobody archives until the transaction ends.
SELECT * FROM analyses WHERE id = :id FOR SHARE;

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

-- name: merge_organization_ref$
-- Store a newer version of an organization; older ones are ignored.
INSERT INTO organization_refs AS o (organization_id, retention, version, deleted, changed_at)
VALUES (:organization_id, :retention, :version, :deleted, :changed_at)
ON CONFLICT (organization_id) DO UPDATE
SET retention = excluded.retention, version = excluded.version, deleted = excluded.deleted,
    changed_at = excluded.changed_at
WHERE o.version < excluded.version
RETURNING true;

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
