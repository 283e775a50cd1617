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

-- name: count_rules_of_machine$
-- How many rules a machine has, of templates and its own.
SELECT count(*) FROM alert_rules WHERE machine_id = :machine_id AND deleted_at IS NULL;

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

-- name: are_addresses_sealed$
-- Whether no older version runs any more, which could not read sealed addresses.
SELECT seals();

-- name: lock_rules_of_machine$
-- Lock all rules of a machine, so that no alert opens while they are deleted, and count them.
SELECT count(*) FROM (SELECT id FROM alert_rules WHERE machine_id = :machine_id ORDER BY id FOR UPDATE) AS r;

-- name: delete_alerts_of_machine!
-- Delete the alerts of a deleted machine, and with them their deliveries.
DELETE FROM alerts WHERE machine_id = :machine_id;

-- name: delete_rules_of_machine!
-- Delete the rules of a deleted machine.
DELETE FROM alert_rules WHERE machine_id = :machine_id;
