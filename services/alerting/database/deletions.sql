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
