-- name: merge_machine!
-- What an event or the machines service says of a machine. Old news and news of a deleted machine change nothing.
INSERT INTO machine_refs AS m (id, organization_id, name, status, deleted, version)
VALUES (:id, :organization_id, :name, :status, :deleted, :version)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, status = excluded.status, deleted = excluded.deleted, version = excluded.version,
    seen_at = clock_timestamp()
WHERE m.version < excluded.version AND NOT m.deleted;

-- name: get_machine^
-- A machine of the organization, also a deleted one.
SELECT * FROM machine_refs WHERE id = :id;

-- name: hold_machine^
-- A machine of the organization; it is not deleted before the transaction ends.
SELECT * FROM machine_refs WHERE id = :id FOR SHARE;

-- name: merge_member!
-- What an event says of a member. Old news changes nothing; someone who left may come back.
INSERT INTO member_refs AS m (organization_id, user_id, email, full_name, role, is_active, deleted, version)
VALUES (:organization_id, :user_id, :email, :full_name, :role, :is_active, :deleted, :version)
ON CONFLICT (organization_id, user_id) DO UPDATE
SET email = excluded.email, full_name = excluded.full_name, role = excluded.role,
    is_active = excluded.is_active, deleted = excluded.deleted, version = excluded.version,
    seen_at = clock_timestamp()
WHERE m.version < excluded.version;

-- name: insert_rule!
-- A new rule, as the domain made it.
INSERT INTO alert_rules (id, organization_id, machine_id, name, condition, actions, severity, is_active,
                         created_by, created_at, updated_at, deleted_at, version)
VALUES (:id, :organization_id, :machine_id, :name, :condition, :actions, :severity, :is_active,
        :created_by, :created_at, :updated_at, :deleted_at, :version);

-- name: get_rule^
-- One rule of the organization.
SELECT * FROM alert_rules WHERE id = :id AND deleted_at IS NULL;

-- name: lock_rule^
-- One rule, which nobody else changes, and no alert is opened for, until the transaction ends.
SELECT * FROM alert_rules WHERE id = :id AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: list_rules
-- Rules newest first, after the cursor when there is one.
SELECT * FROM alert_rules
WHERE deleted_at IS NULL
  AND (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:is_active::boolean IS NULL OR is_active = :is_active)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: lock_rules_watching
-- The active rules of a machine and its name. Locked, in one order always: whoever judges a message by a rule,
-- changes it or deletes it takes the rule first and its alerts second, so no two of them wait for each other.
SELECT r.*, m.name AS machine_name
FROM alert_rules r JOIN machine_refs m ON m.id = r.machine_id
WHERE r.machine_id = :machine_id AND r.is_active AND r.deleted_at IS NULL AND NOT m.deleted
ORDER BY r.id
FOR NO KEY UPDATE OF r;

-- name: update_rule!
-- Everything that may change.
UPDATE alert_rules
SET name = :name, condition = :condition, actions = :actions, severity = :severity, is_active = :is_active,
    updated_at = :updated_at, deleted_at = :deleted_at, version = :version
WHERE id = :id;

-- name: lock_rules_of_machine$
-- All rules of a machine, so that no alert is opened while they are deleted; gives their number.
SELECT count(*) FROM (SELECT id FROM alert_rules WHERE machine_id = :machine_id ORDER BY id FOR UPDATE) AS r;

-- name: delete_alerts_of_machine!
-- The alerts of a deleted machine, and with them their deliveries.
DELETE FROM alerts WHERE machine_id = :machine_id;

-- name: delete_rules_of_machine!
-- The rules of a deleted machine.
DELETE FROM alert_rules WHERE machine_id = :machine_id;

-- name: insert_alert$
-- A new alert, unless one with its key is open: then nothing.
INSERT INTO alerts (id, organization_id, alert_rule_id, machine_id, anomaly_id, status, severity, dedupe_key,
                    data, acknowledged_by, acknowledged_at, resolved_by, resolved_at, created_at, updated_at,
                    told_at, version)
VALUES (:id, :organization_id, :alert_rule_id, :machine_id, :anomaly_id, :status, :severity, :dedupe_key,
        :data, :acknowledged_by, :acknowledged_at, :resolved_by, :resolved_at, :created_at, :updated_at,
        :told_at, :version)
ON CONFLICT (organization_id, dedupe_key) WHERE status <> 'resolved' DO NOTHING
RETURNING true;

-- name: get_alert^
-- One alert of the organization.
SELECT * FROM alerts WHERE id = :id;

-- name: lock_alert^
-- One alert, which nobody else changes until the transaction ends.
SELECT * FROM alerts WHERE id = :id FOR NO KEY UPDATE;

-- name: lock_open_alert^
-- The open alert of a key, if there is one, which nobody else changes until the transaction ends.
SELECT * FROM alerts
WHERE organization_id = :organization_id AND dedupe_key = :dedupe_key AND status <> 'resolved'
FOR NO KEY UPDATE;

-- name: lock_alert_resolved_since^
-- The newest alert of the rule that was resolved after `since`, locked.
SELECT * FROM alerts
WHERE alert_rule_id = :alert_rule_id AND dedupe_key = :dedupe_key AND status = 'resolved'
  AND resolved_at >= :since
ORDER BY resolved_at DESC LIMIT 1
FOR NO KEY UPDATE;

-- name: lock_open_alerts_of_rule
-- The open alerts of a rule, locked.
SELECT * FROM alerts WHERE alert_rule_id = :alert_rule_id AND status <> 'resolved' ORDER BY id
FOR NO KEY UPDATE;

-- name: list_alerts
-- Alerts newest first, after the cursor when there is one.
SELECT * FROM alerts
WHERE (:status::text IS NULL OR status = :status)
  AND (:severity::text IS NULL OR severity = :severity)
  AND (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: update_alert!
-- Everything that may change.
UPDATE alerts
SET status = :status, severity = :severity, data = :data, acknowledged_by = :acknowledged_by,
    acknowledged_at = :acknowledged_at, resolved_by = :resolved_by, resolved_at = :resolved_at,
    updated_at = :updated_at, told_at = :told_at, version = :version
WHERE id = :id;

-- name: insert_delivery!
-- An attempt to be made.
INSERT INTO deliveries (id, organization_id, alert_id, message_id, channel, target, change, message, attempt,
                        status, next_attempt_at, response_status, latency_ms, error, created_at, finished_at)
VALUES (:id, :organization_id, :alert_id, :message_id, :channel, :target, :change, :message, :attempt,
        :status, :next_attempt_at, :response_status, :latency_ms, :error, :created_at, :finished_at);

-- name: list_deliveries
-- All attempts to tell of an alert, oldest first.
SELECT * FROM deliveries WHERE alert_id = :alert_id ORDER BY created_at, attempt, id;

-- name: claim_deliveries
-- Lease due attempts of any organization.
SELECT * FROM claim_deliveries(:wanted, :share, :at, :lease);

-- name: get_leased_delivery^
-- An attempt that this lease holds, and the actions of its rule as they are now.
SELECT d.*, r.id AS rule_id, r.actions
FROM deliveries d
JOIN alerts a ON a.id = d.alert_id
JOIN alert_rules r ON r.id = a.alert_rule_id
WHERE d.id = :delivery_id AND d.lease_id = :lease_id AND d.status = 'pending';

-- name: finish_delivery$
-- How the attempt ended; nothing when another worker took it over.
UPDATE deliveries
SET status = :status, response_status = :response_status, latency_ms = :latency_ms, error = :error,
    target = :target, finished_at = :finished_at, lease_id = NULL, leased_until = NULL
WHERE id = :delivery_id AND lease_id = :lease_id AND status = 'pending'
RETURNING true;
