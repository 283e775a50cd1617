-- name: get_machine_ref^
-- The replica of a machine, which may be a tombstone.
SELECT * FROM machine_refs WHERE id = :id;

-- name: lock_machine_ref^
-- The replica of a machine, locked against deletion until the transaction ends.
SELECT * FROM machine_refs WHERE id = :id FOR SHARE;

-- name: merge_machine_ref$
-- Store a newer version of a machine; older ones are ignored, and a deleted machine stays deleted.
INSERT INTO machine_refs AS m (id, organization_id, name, status, version, deleted, changed_at)
VALUES (:id, :organization_id, :name, :status, :version, :deleted, :changed_at)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, status = excluded.status, version = excluded.version,
    deleted = excluded.deleted, changed_at = excluded.changed_at
WHERE m.version < excluded.version AND NOT m.deleted
RETURNING true;

-- name: lock_analyses_of_machine
-- The first lock: workers, too, lock an analysis before anything that belongs to it.
SELECT id FROM analyses WHERE machine_id = :machine_id ORDER BY id FOR UPDATE;

-- name: discard_objects_of_machine!
-- Discard the objects of a machine's uploads (all below a prefix) and its models.
INSERT INTO discarded_objects (prefix)
SELECT f.file_path || '/' FROM file_uploads f JOIN analyses a ON a.file_upload_id = f.id
WHERE a.machine_id = :machine_id AND f.file_path IS NOT NULL
UNION
SELECT d.model_key FROM dinsight_data d JOIN analyses a ON a.dinsight_id = d.id
WHERE a.machine_id = :machine_id AND d.model_key IS NOT NULL;

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
-- The newest configuration of the organization.
SELECT * FROM config_data WHERE organization_id = :organization_id ORDER BY version DESC LIMIT 1;

-- name: lock_current_config^
-- The newest configuration, locked while the next version is created from it.
SELECT * FROM config_data WHERE organization_id = :organization_id ORDER BY version DESC LIMIT 1 FOR UPDATE;

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
                         detector, ewma, sensitivity, imax, lowdim, eta, epsilon, beta1, beta2, beta, a, w1, w2,
                         which_w1, mode, param_mode, created_at, created_by)
VALUES (:organization_id, :version, :gamma0, :optimizer, :alpha, :end_meta, :start_dim, :end_dim, :scaling,
        :detector, :ewma, :sensitivity, :imax, :lowdim, :eta, :epsilon, :beta1, :beta2, :beta, :a, :w1, :w2,
        :which_w1, :mode, :param_mode, :created_at, :created_by)
RETURNING *;

-- name: insert_upload!
-- An upload whose files are in the object store.
INSERT INTO file_uploads (id, organization_id, original_filename, file_size, file_path, status, merged_files,
                          created_at, updated_at)
VALUES (:id, :organization_id, :original_filename, :file_size, :file_path, :status, :merged_files,
        :created_at, :updated_at);

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
-- The machine's newest completed analyses of one type, newest first.
SELECT * FROM analyses
WHERE machine_id = :machine_id AND analysis_type = :analysis_type AND status = 'completed'
ORDER BY completed_at DESC, id DESC LIMIT :limit;

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
UPDATE monitor_chunks SET summary = :summary, anomalies = :anomalies
WHERE analysis_id = :analysis_id AND process_order = :process_order AND summary IS NULL
RETURNING true;

-- name: set_chunk_state!
-- The moving average before a chunk, known once the chunk before it is scored.
UPDATE monitor_chunks SET state = :state WHERE analysis_id = :analysis_id AND process_order = :process_order;

-- name: chunk_summaries
-- The results of a run's chunks, in order.
SELECT process_order, summary, anomalies IS NOT NULL AS has_anomalies FROM monitor_chunks
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
-- The chunks of a monitoring run that contain samples from start to stop, in order.
SELECT first_sample, samples, array_send(x_values) AS x, array_send(y_values) AS y,
       array_send(monitor_values) AS distance, array_send(misfit_values) AS misfit,
       anomaly_values AS anomaly, metadata::text AS metadata
FROM monitor_series
WHERE analysis_id = :analysis_id AND first_sample < :stop AND first_sample + samples > :start
ORDER BY process_order;

-- name: monitor_positions
-- The map positions of a monitoring run's samples, in order.
SELECT array_send(x_values) AS x, array_send(y_values) AS y FROM monitor_series
WHERE analysis_id = :analysis_id ORDER BY process_order;

-- name: feature_metadata
-- The metadata of an upload's samples from start to stop, in chunks.
SELECT first_sample, samples, metadata::text AS metadata FROM feature_data
WHERE file_upload_id = :file_upload_id AND first_sample < :stop AND first_sample + samples > :start
ORDER BY chunk_index;

-- name: feature_chunk^
-- The stored features of the chunk that contains a sample.
SELECT first_sample, samples, array_send(feature_values) AS features, metadata::text AS metadata
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
-- Anomalies per machine, day and severity, from the materialized view.
SELECT machine_id, day, severity, anomalies, worst_ratio FROM anomaly_daily
WHERE (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:since::date IS NULL OR day >= :since) AND (:until::date IS NULL OR day < :until)
ORDER BY day DESC, machine_id, severity LIMIT :limit;

-- name: refresh_daily!
-- Bring the materialized view up to date.
SELECT refresh_anomaly_daily();

-- name: discard_objects!
-- Note an object or a prefix for deletion once the transaction has committed.
INSERT INTO discarded_objects (prefix) VALUES (:prefix);

-- name: discarded_objects
-- Objects and prefixes that wait for deletion, oldest first.
SELECT id, prefix FROM discarded_objects ORDER BY id LIMIT :limit;

-- name: forget_discarded!
-- The objects are deleted.
DELETE FROM discarded_objects WHERE id = :id;

-- name: known_objects
-- Those of the uploads and models that are in use, over all organizations.
SELECT known FROM known_objects(:upload_ids::uuid[], :model_keys::text[]);
