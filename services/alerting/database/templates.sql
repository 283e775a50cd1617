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
