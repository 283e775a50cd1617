-- name: insert_resource$
-- Store a contact point, rotation, silence, window or opt-out, unless its name is taken.
INSERT INTO notification_resources (id, organization_id, kind, name, document, ends_at, created_by, created_at,
                                    updated_at, version)
VALUES (:id, :organization_id, :kind, :name, :document, :ends_at, :created_by, :created_at, :updated_at, :version)
ON CONFLICT (organization_id, kind, name) WHERE kind IN ('contact_point', 'rotation') DO NOTHING
RETURNING true;

-- name: get_resource^
-- One resource of a kind.
SELECT * FROM notification_resources WHERE id = :id AND kind = :kind;

-- name: lock_resource^
-- One resource of a kind, locked until the transaction ends.
SELECT * FROM notification_resources WHERE id = :id AND kind = :kind FOR NO KEY UPDATE;

-- name: current_resources
-- The resources of some kinds that have not ended, oldest first.
SELECT * FROM notification_resources
WHERE kind = ANY (:kinds::text[]) AND (ends_at IS NULL OR ends_at > :at)
  AND organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
ORDER BY created_at, id LIMIT :limit;

-- name: list_resources
-- Resources of a kind, newest first, after an optional cursor.
SELECT * FROM notification_resources
WHERE kind = :kind AND (:created_by::uuid IS NULL OR created_by = :created_by)
  AND (:ends_after::timestamptz IS NULL OR ends_at IS NULL OR ends_at > :ends_after)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: update_resource!
-- Store everything that can change.
UPDATE notification_resources
SET name = :name, document = :document, ends_at = :ends_at, updated_at = :updated_at, version = :version
WHERE id = :id;

-- name: delete_resource!
-- Delete a resource.
DELETE FROM notification_resources WHERE id = :id;

-- name: count_resources$
-- How many resources of a kind have not ended.
SELECT count(*) FROM notification_resources WHERE kind = :kind AND (ends_at IS NULL OR ends_at > :at);

-- name: first_that_names^
-- What notifies a recipient, such as contact:plant: a rule, a template, or the contact point of a rotation.
SELECT what, name FROM (
    SELECT 'alert rule' AS what, name, created_at, actions FROM alert_rules WHERE deleted_at IS NULL
    UNION ALL
    SELECT 'rule template', name, created_at, actions FROM rule_templates WHERE deleted_at IS NULL
    UNION ALL
    SELECT 'contact point', name, created_at, jsonb_build_object('steps', jsonb_build_array(
        jsonb_build_object('to', jsonb_build_array('rotation:' || (document ->> 'who')))))
    FROM notification_resources WHERE kind = 'contact_point' AND document ->> 'kind' = 'rotation') named
WHERE jsonb_path_exists(actions, '$.steps[*].to[*] ? (@ == $who)', jsonb_build_object('who', :recipient::text))
ORDER BY created_at LIMIT 1;

-- name: last_opened^
-- When the alert was raised or reopened last.
SELECT at, kind FROM alert_changes WHERE alert_id = :alert_id AND kind IN ('raised', 'reopened')
ORDER BY version DESC LIMIT 1;

-- name: told_since
-- Who was told of an alert since it opened, by which step and when last; and who would have been.
SELECT target_key, channel, max(target) AS shown, step, max(created_at) AS at, status = 'suppressed' AS suppressed
FROM deliveries
WHERE alert_id = :alert_id AND created_at >= :since AND status <> 'cancelled' AND change <> 'given_up'
  AND target_key <> ''
GROUP BY target_key, channel, step, status = 'suppressed';

-- name: actions_of_rule^
-- The actions of a rule, also of a deleted one, whose last messages are still to be sent.
SELECT actions FROM alert_rules WHERE id = :id;

-- name: open_beside
-- The alerts of a machine that were raised and are not over.
SELECT id, alert_rule_id, severity FROM alerts WHERE machine_id = :machine_id AND status IN ('active', 'recovering')
ORDER BY id LIMIT 500;

-- name: open_and_suppressed
-- Open alerts of which somebody was not told, because of a silence, a window or another alert.
SELECT DISTINCT d.alert_id FROM deliveries d JOIN alerts a ON a.id = d.alert_id
WHERE d.status = 'suppressed' AND a.status <> 'resolved'
  AND d.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
ORDER BY d.alert_id LIMIT 1000;

-- name: insert_link!
-- Store the hash of a link that acknowledges.
INSERT INTO acknowledge_links (token_hash, organization_id, alert_id, user_id, recipient, created_at, expires_at)
VALUES (:token_hash, :organization_id, :alert_id, :user_id, :recipient, :created_at, :expires_at);

-- name: get_link^
-- A link by the hash of its token.
SELECT * FROM acknowledge_links WHERE token_hash = :token_hash;

-- name: lock_link^
-- A link by the hash of its token, locked until the transaction ends.
SELECT * FROM acknowledge_links WHERE token_hash = :token_hash FOR NO KEY UPDATE;

-- name: end_link!
-- A link works once.
UPDATE acknowledge_links SET ended_at = :at WHERE token_hash = :token_hash;

-- name: revoke_links$
-- End the links of an alert, and count them.
WITH ended AS (
    UPDATE acknowledge_links SET ended_at = :at WHERE alert_id = :alert_id AND ended_at IS NULL RETURNING 1
)
SELECT count(*) FROM ended;

-- name: get_delivery_target^
-- What is known of a target: failures in a row, until when nothing is sent to it, and whether it is disabled.
SELECT * FROM delivery_targets WHERE target_key = :target_key
  AND organization_id = nullif(current_setting('app.organization_id', true), '')::uuid;

-- name: put_delivery_target!
-- Store what is known of a target.
INSERT INTO delivery_targets AS t (organization_id, target_key, failures, open_until, disabled_reason, noticed_at)
VALUES (:organization_id, :target_key, :failures, :open_until, :disabled_reason, :noticed_at)
ON CONFLICT (organization_id, target_key) DO UPDATE
SET failures = excluded.failures, open_until = excluded.open_until, disabled_reason = excluded.disabled_reason,
    noticed_at = excluded.noticed_at;

-- name: count_confirmation^
-- Count a mail that asks for confirmation in the window that began with the first one, or in a new one.
INSERT INTO delivery_targets AS t (organization_id, target_key, failures, open_until)
VALUES (:organization_id, 'confirmations', 1, :until)
ON CONFLICT (organization_id, target_key) DO UPDATE
SET failures = CASE WHEN t.open_until > :now THEN t.failures + 1 ELSE 1 END,
    open_until = CASE WHEN t.open_until > :now THEN t.open_until ELSE excluded.open_until END
RETURNING failures, open_until;

-- name: forget_delivery_targets!
-- Forget what is known of the targets whose key begins so, since their address changed.
DELETE FROM delivery_targets WHERE starts_with(target_key, :prefix)
  AND organization_id = nullif(current_setting('app.organization_id', true), '')::uuid;

-- name: members_with_roles
-- Members who can be reached, with one of the roles.
SELECT * FROM member_refs
WHERE is_active AND NOT deleted AND email IS NOT NULL AND role = ANY (:roles::text[])
  AND organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
ORDER BY user_id LIMIT 200;

-- name: get_organization^
-- The organization of the transaction.
SELECT * FROM organization_refs
WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid;
