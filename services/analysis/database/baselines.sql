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
