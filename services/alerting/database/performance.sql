-- name: list_performance
-- What each rule did in a period, newest rule first, after an optional cursor.
SELECT r.id AS rule_id, r.name AS rule_name, r.machine_id, r.is_active, r.created_at, p.*
FROM alert_rules r
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE in_period) AS raised,
           count(*) FILTER (WHERE in_period AND created_at <= ended_before + interval '1 hour')
               + (SELECT count(*) FROM alert_changes c JOIN alerts o ON o.id = c.alert_id
                  WHERE o.alert_rule_id = r.id AND c.kind = 'reopened' AND c.at >= :since AND c.at < :until
                    AND c.at <= interval '1 hour' + (
                        SELECT max(b.at) FROM alert_changes b
                        WHERE b.alert_id = c.alert_id AND b.kind = 'resolved' AND b.at <= c.at))
               AS repeats,
           count(*) FILTER (WHERE in_period AND outcome = 'true_alarm') AS true_alarms,
           count(*) FILTER (WHERE in_period AND outcome = 'false_alarm') AS false_alarms,
           count(*) FILTER (WHERE in_period AND outcome = 'maintenance') AS maintenance,
           count(*) FILTER (WHERE in_period AND outcome = 'unknown') AS unknown,
           count(*) FILTER (WHERE status <> 'resolved') AS open,
           max(created_at) AS last_raised_at
    FROM (
        SELECT a.*, a.created_at >= :since AND a.created_at < :until AS in_period,
               lag(a.resolved_at) OVER (ORDER BY a.created_at, a.id) AS ended_before
        FROM alerts a WHERE a.alert_rule_id = r.id AND a.status <> 'pending'
    ) AS history
) AS p
WHERE r.deleted_at IS NULL
  AND (:machine_id::uuid IS NULL OR r.machine_id = :machine_id)
  AND (:never_fired::boolean IS NULL OR (p.last_raised_at IS NULL) = :never_fired)
  AND (:chatters::boolean IS NULL OR (p.repeats >= :min_repeats) = :chatters)
  AND (:after_at::timestamptz IS NULL OR (r.created_at, r.id) < (:after_at, :after_id::uuid))
ORDER BY r.created_at DESC, r.id DESC
LIMIT :limit;

-- name: get_budget^
-- The alert budget of the organization.
SELECT max_alerts, starts_at, ends_at, time_zone, min_severity FROM alert_budgets;

-- name: set_budget!
-- Set the alert budget of the organization.
INSERT INTO alert_budgets (organization_id, max_alerts, starts_at, ends_at, time_zone, min_severity, updated_at)
VALUES (:organization_id, :max_alerts, :starts_at, :ends_at, :time_zone, :min_severity, :updated_at)
ON CONFLICT (organization_id) DO UPDATE
SET max_alerts = excluded.max_alerts, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    time_zone = excluded.time_zone, min_severity = excluded.min_severity, updated_at = excluded.updated_at;

-- name: remove_budget!
-- Delete the alert budget of the organization.
DELETE FROM alert_budgets;

-- name: calls_by_night
-- The alerts of each rule in each night of a period, counting those that were reopened in it again.
WITH calls AS (
    SELECT a.alert_rule_id, a.data ->> 'rule_name' AS rule_name, a.created_at AS at
    FROM alerts a
    WHERE a.status <> 'pending' AND a.severity = ANY (:severities) AND a.created_at >= :since
      AND a.created_at < :until
    UNION ALL
    SELECT a.alert_rule_id, a.data ->> 'rule_name', c.at
    FROM alert_changes c JOIN alerts a ON a.id = c.alert_id
    WHERE c.kind = 'reopened' AND c.severity = ANY (:severities) AND c.at >= :since AND c.at < :until
), local AS (
    SELECT alert_rule_id, rule_name, at AT TIME ZONE :time_zone::text AS at FROM calls
)
SELECT (at - :starts_at::time::interval)::date AS night, alert_rule_id AS rule_id, max(rule_name) AS rule_name,
       count(*) AS alerts
FROM local
WHERE CASE WHEN :starts_at::time < :ends_at::time THEN at::time >= :starts_at AND at::time < :ends_at
           ELSE at::time >= :starts_at OR at::time < :ends_at END
GROUP BY 1, 2 ORDER BY 1, 2;
