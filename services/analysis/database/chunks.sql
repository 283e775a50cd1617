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

-- name: insert_monitor*!
-- One chunk of a monitoring run.
INSERT INTO monitor_series (id, organization_id, dinsight_id, analysis_id, process_order, first_sample, samples,
                            monitor_values, x_values, y_values, misfit_values, anomaly_values, metadata, created_at)
VALUES (:id, :organization_id, :dinsight_id, :analysis_id, :process_order, :first_sample, :samples,
        :monitor_values, :x_values, :y_values, :misfit_values, :anomaly_values, :metadata, :created_at);

-- name: monitor_positions
-- The map positions and distances of a monitoring run's samples, in order.
SELECT array_send(x_values) AS x, array_send(y_values) AS y, array_send(monitor_values) AS distance FROM monitor_series
WHERE analysis_id = :analysis_id ORDER BY process_order;
