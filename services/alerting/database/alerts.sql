-- name: insert_alert$
-- Store a new alert, unless an open one has its key.
INSERT INTO alerts (id, organization_id, alert_rule_id, machine_id, anomaly_id, status, severity, dedupe_key,
                    data, acknowledged_by, acknowledged_at, assigned_to, resolved_by, resolved_at, outcome,
                    fault_code, created_at, updated_at, told_at, version)
VALUES (:id, :organization_id, :alert_rule_id, :machine_id, :anomaly_id, :status, :severity, :dedupe_key,
        :data, :acknowledged_by, :acknowledged_at, :assigned_to, :resolved_by, :resolved_at, :outcome,
        :fault_code, :created_at, :updated_at, :published_at, :version)
ON CONFLICT (organization_id, dedupe_key) WHERE status <> 'resolved' DO NOTHING
RETURNING true;

-- name: get_alert^
-- One alert of the organization.
SELECT * FROM alerts WHERE id = :id;

-- name: lock_alert^
-- One alert, locked until the transaction ends.
SELECT * FROM alerts WHERE id = :id FOR NO KEY UPDATE;

-- name: lock_alerts$
-- Lock some alerts in the order in which judging locks them, and count them.
SELECT count(*) FROM (SELECT id FROM alerts WHERE id = ANY (:ids) ORDER BY dedupe_key, id FOR NO KEY UPDATE) AS a;

-- name: lock_open_alert^
-- The open alert of a key, locked until the transaction ends.
SELECT * FROM alerts
WHERE organization_id = :organization_id AND dedupe_key = :dedupe_key AND status <> 'resolved'
FOR NO KEY UPDATE;

-- name: lock_open_alerts_of_keys
-- The open alerts of some keys, locked in a fixed order.
SELECT * FROM alerts
WHERE organization_id = :organization_id AND dedupe_key = ANY (:dedupe_keys) AND status <> 'resolved'
ORDER BY dedupe_key
FOR NO KEY UPDATE;

-- name: lock_alert_resolved_since^
-- The alert of the rule that was resolved last, if not before `since`, locked.
SELECT * FROM alerts
WHERE alert_rule_id = :alert_rule_id AND dedupe_key = :dedupe_key AND status = 'resolved'
  AND resolved_at >= :since
ORDER BY resolved_at DESC LIMIT 1
FOR NO KEY UPDATE;

-- name: lock_open_alerts_of_rule
-- The open alerts of a rule, locked.
SELECT * FROM alerts WHERE alert_rule_id = :alert_rule_id AND status <> 'resolved' ORDER BY dedupe_key
FOR NO KEY UPDATE;

-- name: lock_open_alerts_of_machine
-- Some open alerts of a machine, locked.
SELECT * FROM alerts WHERE machine_id = :machine_id AND status <> 'resolved' ORDER BY dedupe_key LIMIT :limit
FOR NO KEY UPDATE;

-- name: list_alerts
-- Alerts, newest first, after an optional cursor.
SELECT * FROM alerts
WHERE (:status::text IS NOT NULL OR status <> 'pending')
  AND (:status::text IS NULL OR status = :status)
  AND (:severity::text IS NULL OR severity = :severity)
  AND (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:alert_rule_id::uuid IS NULL OR alert_rule_id = :alert_rule_id)
  AND (:assigned_to::uuid IS NULL OR assigned_to = :assigned_to)
  AND (:open::boolean IS NULL OR (status <> 'resolved') = :open)
  AND (:unacknowledged::boolean IS NULL OR (acknowledged_at IS NULL) = :unacknowledged)
  AND (:since::timestamptz IS NULL OR created_at >= :since)
  AND (:until::timestamptz IS NULL OR created_at < :until)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: count_alerts
-- The alerts that a list with the same filters shows, by status, severity and acknowledgement.
SELECT status, severity, acknowledged_at IS NOT NULL AS acknowledged, count(*) AS alerts FROM alerts
WHERE (:status::text IS NOT NULL OR status <> 'pending')
  AND (:status::text IS NULL OR status = :status)
  AND (:severity::text IS NULL OR severity = :severity)
  AND (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:alert_rule_id::uuid IS NULL OR alert_rule_id = :alert_rule_id)
  AND (:assigned_to::uuid IS NULL OR assigned_to = :assigned_to)
  AND (:open::boolean IS NULL OR (status <> 'resolved') = :open)
  AND (:unacknowledged::boolean IS NULL OR (acknowledged_at IS NULL) = :unacknowledged)
  AND (:since::timestamptz IS NULL OR created_at >= :since)
  AND (:until::timestamptz IS NULL OR created_at < :until)
GROUP BY 1, 2, 3;

-- name: summarize_alerts^
-- What happened with alerts in a period, and what is open now.
SELECT count(*) FILTER (WHERE in_period) AS raised,
       count(*) FILTER (WHERE in_period AND severity = 'critical') AS raised_critical,
       count(*) FILTER (WHERE in_period AND acknowledged_at IS NOT NULL) AS acknowledged,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY acknowledged_at - created_at)
           FILTER (WHERE in_period AND acknowledged_at IS NOT NULL))::float8 AS median_seconds_to_acknowledge,
       count(*) FILTER (WHERE resolved_in_period) AS resolved,
       count(*) FILTER (WHERE resolved_in_period AND outcome = 'true_alarm') AS true_alarms,
       count(*) FILTER (WHERE resolved_in_period AND outcome = 'false_alarm') AS false_alarms,
       count(*) FILTER (WHERE resolved_in_period AND outcome = 'maintenance') AS maintenance,
       count(*) FILTER (WHERE status <> 'resolved') AS open,
       count(*) FILTER (WHERE status <> 'resolved' AND severity = 'critical') AS open_critical,
       count(*) FILTER (WHERE status <> 'resolved' AND acknowledged_at IS NULL) AS open_unacknowledged,
       count(*) FILTER (WHERE status <> 'resolved' AND assigned_to IS NULL) AS open_unassigned,
       min(created_at) FILTER (WHERE status <> 'resolved' AND acknowledged_at IS NULL) AS oldest_unacknowledged_at
FROM (
    SELECT *, created_at >= :since AND created_at < :until AS in_period,
           coalesce(resolved_at >= :since AND resolved_at < :until, false) AS resolved_in_period
    FROM alerts
    WHERE status <> 'pending' AND (status <> 'resolved' OR resolved_at >= :since OR created_at >= :since)
) AS a;

-- name: busiest_machines
-- The machines with the most alerts raised in a period, and how many of them are open.
SELECT machine_id AS id, max(data ->> 'machine_name') AS name, count(*) AS raised,
       count(*) FILTER (WHERE status <> 'resolved') AS open
FROM alerts WHERE created_at >= :since AND created_at < :until AND status <> 'pending'
GROUP BY machine_id ORDER BY count(*) DESC, machine_id LIMIT :limit;

-- name: busiest_rules
-- The rules with the most alerts raised in a period, and how many of them are open.
SELECT alert_rule_id AS id, max(data ->> 'rule_name') AS name, count(*) AS raised,
       count(*) FILTER (WHERE status <> 'resolved') AS open
FROM alerts WHERE created_at >= :since AND created_at < :until AND status <> 'pending'
GROUP BY alert_rule_id ORDER BY count(*) DESC, alert_rule_id LIMIT :limit;

-- name: update_alert!
-- Store everything that can change.
UPDATE alerts
SET status = :status, severity = :severity, data = :data, acknowledged_by = :acknowledged_by,
    acknowledged_at = :acknowledged_at, assigned_to = :assigned_to, resolved_by = :resolved_by,
    resolved_at = :resolved_at, outcome = :outcome, fault_code = :fault_code, created_at = :created_at,
    updated_at = :updated_at, told_at = :published_at, version = :version
WHERE id = :id;

-- name: discard_alert!
-- Delete a pending alert, of which nobody was told.
DELETE FROM alerts WHERE id = :id AND status = 'pending';

-- name: insert_alert_change!
-- Keep a change of an alert for its timeline.
INSERT INTO alert_changes (alert_id, version, organization_id, kind, at, by_user, reason, code, status, severity,
                           assigned_to)
VALUES (:alert_id, :version, :organization_id, :kind, :at, :by_user, :reason, :code, :status, :severity,
        :assigned_to);

-- name: list_alert_changes
-- The kept changes of an alert, oldest first.
SELECT * FROM alert_changes WHERE alert_id = :alert_id ORDER BY version;
