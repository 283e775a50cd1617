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
