-- name: merge_machine!
-- Store what an event or the machines service says about a machine, unless it is older or the machine is deleted.
-- The same version again completes a row that an older program stored without the newest columns.
INSERT INTO machine_refs AS m (id, organization_id, name, status, location, model, tags, legal_hold, deleted,
                               version, complete_version)
VALUES (:id, :organization_id, :name, :status, :location, :model, :tags, :legal_hold, :deleted, :version, :version)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, status = excluded.status, location = excluded.location, model = excluded.model,
    tags = excluded.tags, legal_hold = excluded.legal_hold, deleted = excluded.deleted, version = excluded.version, complete_version = excluded.complete_version,
    seen_at = clock_timestamp()
WHERE m.version <= excluded.version AND m.complete_version < excluded.version AND NOT m.deleted;

-- name: get_machine^
-- A machine of the organization, even a deleted one.
SELECT * FROM machine_refs WHERE id = :id;

-- name: lock_machine^
-- A machine of the organization, locked against deletion until the transaction ends.
SELECT * FROM machine_refs WHERE id = :id FOR SHARE;

-- name: statuses_of_machines
-- The statuses of some machines.
SELECT id, status FROM machine_refs WHERE id = ANY (:ids);

-- name: machines_after
-- Machines of the organization by their ids, even deleted ones.
SELECT * FROM machine_refs
WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid AND id > :after
ORDER BY id LIMIT :limit;

-- name: is_analysis_deleted$
-- Whether an analysis was deleted, so that what is still said of it counts no more.
SELECT true FROM deleted_analyses WHERE analysis_id = :analysis_id;

-- name: merge_member!
-- Store what an event says about a member, unless it is older. A member who left may come back.
INSERT INTO member_refs AS m (organization_id, user_id, email, full_name, role, is_active, deleted, version)
VALUES (:organization_id, :user_id, :email, :full_name, :role, :is_active, :deleted, :version)
ON CONFLICT (organization_id, user_id) DO UPDATE
SET email = excluded.email, full_name = excluded.full_name, role = excluded.role,
    is_active = excluded.is_active, deleted = excluded.deleted, version = excluded.version,
    seen_at = clock_timestamp()
WHERE m.version < excluded.version;

-- name: get_member^
-- A member of the organization, even one who has left.
SELECT * FROM member_refs WHERE user_id = :user_id;

-- name: merge_organization!
-- Store what an event says about an organization, unless it is older.
INSERT INTO organization_refs AS o (organization_id, name, retention, version, deleted, changed_at)
VALUES (:organization_id, :name, :retention, :version, :deleted, :changed_at)
ON CONFLICT (organization_id) DO UPDATE
SET name = excluded.name, retention = excluded.retention, version = excluded.version, deleted = excluded.deleted,
    changed_at = excluded.changed_at
WHERE o.version <= excluded.version;

-- name: insert_rule!
-- Store a new rule.
INSERT INTO alert_rules (id, organization_id, machine_id, name, condition, actions, severity, is_active,
                         created_by, created_at, updated_at, deleted_at, version, template_id, template_version,
                         overrides)
VALUES (:id, :organization_id, :machine_id, :name, :condition, :actions, :severity, :is_active,
        :created_by, :created_at, :updated_at, :deleted_at, :version, :template_id, :template_version, :overrides);

-- name: get_rule^
-- One rule of the organization.
SELECT * FROM alert_rules WHERE id = :id AND deleted_at IS NULL;

-- name: lock_rule^
-- One rule, locked: until the transaction ends, no other one changes it or opens an alert for it.
SELECT * FROM alert_rules WHERE id = :id AND (:deleted::boolean OR deleted_at IS NULL) FOR NO KEY UPDATE;

-- name: list_rules
-- Rules, newest first, after an optional cursor.
SELECT * FROM alert_rules
WHERE deleted_at IS NULL
  AND (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:is_active::boolean IS NULL OR is_active = :is_active)
  AND (:template_id::uuid IS NULL OR template_id = :template_id)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: rules_watching
-- The active rules of a machine and its name.
SELECT r.*, m.name AS machine_name
FROM alert_rules r JOIN machine_refs m ON m.id = r.machine_id
WHERE r.machine_id = :machine_id AND r.is_active AND r.deleted_at IS NULL AND NOT m.deleted
ORDER BY r.id;

-- name: lock_rules
-- Rules, locked in a fixed order. Transactions that judge, change or delete a rule lock the rule first and its alerts
-- second, so they cannot deadlock.
SELECT * FROM alert_rules WHERE id = ANY (:ids::uuid[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE;

-- name: lock_rules_of_alerts$
-- Lock the rules of some alerts in the order in which judging locks them, and count them.
SELECT count(*) FROM (
    SELECT id FROM alert_rules WHERE id IN (SELECT alert_rule_id FROM alerts WHERE id = ANY (:alert_ids))
    ORDER BY id FOR NO KEY UPDATE
) AS r;

-- name: update_rule!
-- Store everything that can change.
UPDATE alert_rules
SET name = :name, condition = :condition, actions = :actions, severity = :severity, is_active = :is_active,
    updated_at = :updated_at, deleted_at = :deleted_at, version = :version,
    template_version = :template_version, overrides = :overrides
WHERE id = :id;

-- name: lock_rule_of_template^
-- The rule that a template has for a machine, even a deleted one, locked.
SELECT * FROM alert_rules WHERE template_id = :template_id AND machine_id = :machine_id FOR NO KEY UPDATE;

-- name: insert_template!
-- Store a new rule template.
INSERT INTO rule_templates (id, organization_id, name, selector, condition, actions, severity, is_active,
                            created_by, created_at, updated_at, deleted_at, sync_after, version)
VALUES (:id, :organization_id, :name, :selector, :condition, :actions, :severity, :is_active,
        :created_by, :created_at, :updated_at, :deleted_at, :sync_after, :version);

-- name: get_template^
-- One rule template of the organization.
SELECT * FROM rule_templates WHERE id = :id AND deleted_at IS NULL;

-- name: lock_template^
-- One rule template, even a deleted one, locked against changes until the transaction ends.
SELECT * FROM rule_templates WHERE id = :id FOR NO KEY UPDATE;

-- name: enter_machine_of_templates$
-- Have passes of templates over the machines of the organization wait for this transaction, which stores a machine.
SELECT pg_advisory_xact_lock_shared(
    hashtextextended('alerting.rule_templates/' || current_setting('app.organization_id', true), 0)) IS NULL;

-- name: await_machines_of_templates$
-- Wait for these transactions. What they store is visible to the next statement.
SELECT pg_advisory_xact_lock(
    hashtextextended('alerting.rule_templates/' || current_setting('app.organization_id', true), 0)) IS NULL;

-- name: lock_templates
-- All rule templates of the organization, locked against changes until the transaction ends.
SELECT * FROM rule_templates
WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid AND deleted_at IS NULL
ORDER BY id FOR SHARE;

-- name: list_templates
-- Rule templates, newest first, after an optional cursor.
SELECT * FROM rule_templates
WHERE deleted_at IS NULL
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: update_template!
-- Store everything that can change.
UPDATE rule_templates
SET name = :name, selector = :selector, condition = :condition, actions = :actions, severity = :severity,
    is_active = :is_active, updated_at = :updated_at, deleted_at = :deleted_at, sync_after = :sync_after,
    version = :version
WHERE id = :id;

-- name: reach_in_template!
-- Note how far the pass has come that brings the rules of a template in step.
UPDATE rule_templates SET sync_after = :sync_after WHERE id = :id;

-- name: count_rules_of_template^
-- The rules of a template, those with overrides, and the machines whose rule was deleted.
SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS rules,
       count(*) FILTER (WHERE deleted_at IS NULL AND overrides <> '{}') AS overridden,
       count(*) FILTER (WHERE deleted_at IS NOT NULL AND 'deleted' = ANY (overrides)) AS exempt
FROM alert_rules WHERE template_id = :id;

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

-- name: are_addresses_sealed$
-- Whether no older version runs any more, which could not read sealed addresses.
SELECT seals();

-- name: rules_with_plain_addresses
-- Some rules of all organizations that hold a whole address in plain text, once addresses are sealed.
SELECT organization_id, id FROM rules_with_plain_addresses(:limit);

-- name: shorten_targets$
-- Reduce the targets of the next deliveries of all organizations to their host; the last one's id, or null at the end.
SELECT shorten_targets(:after, :limit);

-- name: lock_rules_of_machine$
-- Lock all rules of a machine, so that no alert opens while they are deleted, and count them.
SELECT count(*) FROM (SELECT id FROM alert_rules WHERE machine_id = :machine_id ORDER BY id FOR UPDATE) AS r;

-- name: delete_alerts_of_machine!
-- Delete the alerts of a deleted machine, and with them their deliveries.
DELETE FROM alerts WHERE machine_id = :machine_id;

-- name: delete_rules_of_machine!
-- Delete the rules of a deleted machine.
DELETE FROM alert_rules WHERE machine_id = :machine_id;

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

-- name: insert_delivery!
-- Store an attempt.
INSERT INTO deliveries (id, organization_id, alert_id, message_id, lane_id, channel, target_key, target, change, step,
                        group_key, grouped_into, message, attempt, status, next_attempt_at, response_status,
                        latency_ms, error, created_at, finished_at)
VALUES (:id, :organization_id, :alert_id, :message_id, :lane_id, :channel, :target_key, :target, :change, :step,
        :group_key, :grouped_into, :message, :attempt, :status, :next_attempt_at, :response_status,
        :latency_ms, :error, :created_at, :finished_at);

-- name: list_deliveries
-- All delivery attempts of an alert, oldest first.
SELECT * FROM deliveries WHERE alert_id = :alert_id ORDER BY created_at, attempt, id;

-- name: get_delivery^
-- One attempt.
SELECT * FROM deliveries WHERE id = :id;

-- name: page_of_deliveries
-- Attempts of all alerts, newest first, after an optional cursor.
SELECT * FROM deliveries
WHERE (:status::text IS NULL OR status = :status)
  AND organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: pending_deliveries
-- The pending attempts of a lane, newest first. Messages from before there were lanes are a lane each.
SELECT * FROM deliveries WHERE lane_id = :lane_id AND status = 'pending'
UNION ALL
SELECT * FROM deliveries WHERE message_id = :lane_id AND lane_id IS NULL AND status = 'pending'
ORDER BY created_at DESC, id DESC;

-- name: lead_group$
-- Keep a message out of others' groups. Null if one has taken it along already.
UPDATE deliveries SET grouped_into = message_id WHERE id = :id AND status = 'pending' RETURNING true;

-- name: take_group
-- Take the other first attempts of a group along with a message, but those that lead a group themselves.
UPDATE deliveries SET status = 'grouped', grouped_into = :message_id, finished_at = :at
WHERE id IN (
    SELECT id FROM deliveries
    WHERE organization_id = :organization_id AND group_key = :group_key AND status = 'pending' AND attempt = 1
      AND grouped_into IS NULL
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: regroup!
-- Hand what a message took along to the one that replaces it.
UPDATE deliveries SET grouped_into = :newer WHERE grouped_into = :older AND status = 'grouped';

-- name: grouped_into
-- The messages that a message took along, oldest first.
SELECT * FROM deliveries WHERE grouped_into = :message_id AND status = 'grouped' ORDER BY created_at, id;

-- name: hasten_lane!
-- Let the job of a lane that waits run earlier.
UPDATE jobs SET run_at = least(run_at, :at) WHERE id = :lane_id AND lease_token IS NULL;

-- name: postpone_delivery!
-- Change when the pending attempts of a lane are due.
UPDATE deliveries SET next_attempt_at = :due_at
WHERE (lane_id = :lane_id OR (lane_id IS NULL AND message_id = :lane_id)) AND status = 'pending';

-- name: finish_delivery!
-- Record the target and the outcome of an attempt.
UPDATE deliveries
SET status = :status, response_status = :response_status, latency_ms = :latency_ms, error = :error,
    target = :target, finished_at = :finished_at
WHERE id = :id;

-- name: adopt_deliveries$
-- Enqueue pending attempts of all organizations that have no job, and count them.
SELECT adopt_deliveries();

-- name: tombstone_machine$
-- Make the replica of a deleted machine a tombstone, also if no event has told of the machine yet. Rules that are
-- being created wait for it, and then find it.
WITH tombstoned AS (
    INSERT INTO machine_refs AS m (id, organization_id, name, status, deleted, version, complete_version)
    VALUES (:subject, :organization, '', 'retired', true, 0, 0)
    ON CONFLICT (id) DO UPDATE SET deleted = true, name = '', tags = '{}',
        location = NULL, model = NULL WHERE m.name <> '' OR NOT m.deleted
    RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: tombstone_machines$
-- Make the replicas of a deleted organization's machines tombstones.
WITH tombstoned AS (
    UPDATE machine_refs SET deleted = true, name = '', tags = '{}', location = NULL, model = NULL
    WHERE organization_id = :subject AND (name <> '' OR NOT deleted) RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: tombstone_organization$
-- Make the replica of a deleted organization a tombstone.
WITH tombstoned AS (
    UPDATE organization_refs SET deleted = true, retention = '{}', name = NULL
    WHERE organization_id = :subject AND (NOT deleted OR retention <> '{}' OR name IS NOT NULL) RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: tombstone_analyses$
-- Note deleted analyses: anomalies of them that arrive later open no alert.
WITH tombstoned AS (
    INSERT INTO deleted_analyses (analysis_id, organization_id)
    SELECT id::uuid, :organization FROM unnest(:subjects::text[]) AS id
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) FROM tombstoned;

-- name: is_being_told$
-- Whether the last events and the first attempts of messages about a machine's alerts are still under way.
SELECT EXISTS (
    SELECT FROM deliveries d JOIN alerts a ON a.id = d.alert_id
    WHERE a.machine_id = :machine_id AND d.status = 'pending' AND d.attempt = 1 AND d.change = 'resolved'
) OR EXISTS (
    SELECT FROM outbox
    WHERE topic = 'alert.changed' AND key = :machine_id::text AND published_at IS NULL AND refused IS NULL
);

-- name: retire_rules$
-- Take condition, actions and their secrets from the rules of a deleted machine; they are locked before their alerts,
-- as by whoever evaluates them. A rule with alerts stays as their name.
WITH retired AS (
    UPDATE alert_rules SET is_active = false, deleted_at = coalesce(deleted_at, clock_timestamp()),
        condition = '{}', actions = '{}', version = version + 1
    WHERE machine_id = :subject AND (deleted_at IS NULL OR condition <> '{}' OR actions <> '{}') RETURNING 1
)
SELECT count(*) FROM retired;

-- name: erase_messages_of_machine$
-- Cancel the messages about alerts of a deleted machine.
WITH gone AS (
    DELETE FROM jobs WHERE subject_id IN (SELECT id FROM alerts WHERE machine_id = :subject) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: detach_alerts_of_machine$
-- Resolve a batch of the alerts of a deleted machine, and take out what refers to the data that are gone. They stay
-- until their retention, as what people were told.
WITH detached AS (
    UPDATE alerts SET anomaly_id = NULL, dedupe_key = 'deleted/' || id,
        data = data || '{"worst_anomaly_id": null, "analysis_id": null, "features": []}' || CASE status
            WHEN 'resolved' THEN '{}'::jsonb ELSE jsonb_build_object('resolve_note', :note::text) END,
        resolved_at = coalesce(resolved_at, clock_timestamp()), status = 'resolved',
        updated_at = clock_timestamp(), version = version + 1
    WHERE id IN (SELECT id FROM alerts WHERE machine_id = :subject AND dedupe_key NOT LIKE 'deleted/%'
                 ORDER BY id LIMIT :batch FOR NO KEY UPDATE)
    RETURNING 1
)
SELECT count(*) FROM detached;

-- name: erase_matchers_of_machine$
-- Take a deleted machine out of silences and maintenance windows. Those of this machine alone go: without it, they
-- would match every machine.
WITH gone AS (
    DELETE FROM notification_resources
    WHERE document #> '{matcher,machine_ids}' = jsonb_build_array(:subject::uuid::text)
    RETURNING 1
), narrowed AS (
    UPDATE notification_resources
    SET document = jsonb_set(document, '{matcher,machine_ids}',
                             (document #> '{matcher,machine_ids}') - :subject::uuid::text),
        updated_at = clock_timestamp(), version = version + 1
    WHERE document #> '{matcher,machine_ids}' ? :subject::uuid::text
      AND document #> '{matcher,machine_ids}' <> jsonb_build_array(:subject::uuid::text)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: detach_deliveries_of_analyses$
-- Take what refers to deleted analyses out of a batch of messages: a later message of the alert may name another run.
WITH detached AS (
    UPDATE deliveries SET message = jsonb_set(jsonb_set(message, '{data,anomaly_id}', 'null'), '{data,analysis_id}', 'null')
        #- '{data,features}'
    WHERE id IN (SELECT id FROM deliveries WHERE message #>> '{data,analysis_id}' = ANY (:subjects::text[])
                 LIMIT :batch FOR NO KEY UPDATE)
    RETURNING 1
)
SELECT count(*) FROM detached;

-- name: detach_alerts_of_analyses$
-- Take what refers to deleted analyses out of a batch of alerts.
WITH detached AS (
    UPDATE alerts SET anomaly_id = NULL, updated_at = clock_timestamp(), version = version + 1,
        data = data || '{"worst_anomaly_id": null, "analysis_id": null, "features": []}'
    WHERE id IN (SELECT id FROM alerts WHERE data ->> 'analysis_id' = ANY (:subjects::text[])
                 ORDER BY id LIMIT :batch FOR NO KEY UPDATE)
    RETURNING 1
)
SELECT count(*) FROM detached;
