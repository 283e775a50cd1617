-- name: insert_anomaly*!
-- An anomaly.
INSERT INTO anomalies (id, organization_id, analysis_id, machine_id, "timestamp", severity, distance, threshold,
                       features, metadata, acknowledged, created_at, sample_index, x, y, stated_time)
VALUES (:id, :organization_id, :analysis_id, :machine_id, :timestamp, :severity, :distance, :threshold,
        :features, :metadata, :acknowledged, :created_at, :sample_index, :x, :y, :stated_time);

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
