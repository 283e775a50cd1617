"""What this service deletes of an organization, a machine, an analysis or an account.

The alerts of a deleted machine stay until their retention, as what people were told: resolved, with the names
of the machine and the rule, and without what refers to the data that are gone.
"""

from shared.erasure.eraser import Steps
from shared.erasure.steps import CANCEL_JOBS, MENTIONS, OF_ORGANIZATION, OF_USER, TURNS, Statement, rows

BATCH_ALERTS = 500
NOTE = "The machine was deleted."

# Rules that are being created wait for the tombstone, and then find it.
BURY_MACHINE = """
INSERT INTO machine_refs AS m (id, organization_id, name, status, deleted, version, complete_version)
VALUES (:subject, nullif(current_setting('app.organization_id', true), '')::uuid, '', 'retired', true, 0, 0)
ON CONFLICT (id) DO UPDATE SET deleted = true, name = '', tags = '{}' WHERE m.name <> '' OR NOT m.deleted
"""
BURY_MACHINES = """
UPDATE machine_refs SET deleted = true, name = '', tags = '{}'
WHERE organization_id = :subject AND (name <> '' OR NOT deleted)
"""
BURY_ORGANIZATION = """
UPDATE organization_refs SET deleted = true, retention = '{}'
WHERE organization_id = :subject AND (NOT deleted OR retention <> '{}')
"""
# Locked before their alerts, as by whoever evaluates them. A rule with alerts stays as their name.
RETIRE_RULES = """
UPDATE alert_rules SET is_active = false, deleted_at = coalesce(deleted_at, clock_timestamp()),
    condition = '{}', actions = '{}', version = version + 1
WHERE machine_id = :subject AND (deleted_at IS NULL OR condition <> '{}' OR actions <> '{}')
"""
CANCEL_MESSAGES = """
DELETE FROM jobs WHERE subject_id IN (SELECT id FROM alerts WHERE machine_id = :subject)
"""
OF_MACHINE = "alert_id IN (SELECT id FROM alerts WHERE machine_id = :subject)"
DETACHED = """data || '{"worst_anomaly_id": null, "analysis_id": null, "features": []}'"""
DETACH_FROM_MACHINE = f"""
UPDATE alerts SET anomaly_id = NULL, dedupe_key = 'deleted/' || id, data = {DETACHED} || CASE status
        WHEN 'resolved' THEN '{{}}' ELSE '{{"resolve_note": "{NOTE}"}}'::jsonb END,
    resolved_at = coalesce(resolved_at, clock_timestamp()), status = 'resolved',
    updated_at = clock_timestamp(), version = version + 1
WHERE id IN (SELECT id FROM alerts WHERE machine_id = :subject AND dedupe_key NOT LIKE 'deleted/%'
             ORDER BY id LIMIT {BATCH_ALERTS} FOR NO KEY UPDATE)
"""  # noqa: S608 - constants of the code
OF_ANALYSIS = "data ->> 'analysis_id' = ANY (:subjects)"
# Anomalies that arrive later open no alert.
BURY_ANALYSES = """
INSERT INTO deleted_analyses (analysis_id, organization_id)
SELECT id::uuid, current_setting('app.organization_id')::uuid FROM unnest(:subjects) AS id
ON CONFLICT DO NOTHING
"""
DETACH_MESSAGES_FROM_ANALYSIS = f"""
UPDATE deliveries SET message = jsonb_set(message, '{{data,anomaly_id}}', 'null')
WHERE id IN (SELECT d.id FROM deliveries d JOIN alerts a ON a.id = d.alert_id
             WHERE a.{OF_ANALYSIS} AND d.message #>> '{{data,anomaly_id}}' IS NOT NULL LIMIT {BATCH_ALERTS})
"""  # noqa: S608 - constants of the code
DETACH_FROM_ANALYSIS = f"""
UPDATE alerts SET anomaly_id = NULL, data = {DETACHED}, updated_at = clock_timestamp(), version = version + 1
WHERE id IN (SELECT id FROM alerts WHERE {OF_ANALYSIS} ORDER BY id LIMIT {BATCH_ALERTS} FOR NO KEY UPDATE)
"""  # noqa: S608 - constants of the code
RULES_WITHOUT_ALERTS = """
machine_id = :subject AND NOT EXISTS (SELECT FROM alerts a WHERE a.alert_rule_id = alert_rules.id)
"""


def steps() -> Steps:
    own = "organization_id = :subject"
    return {
        "machine": (
            Statement("", BURY_MACHINE),
            Statement("", RETIRE_RULES),
            Statement("", CANCEL_MESSAGES),
            rows("deliveries", "id", OF_MACHINE),
            Statement("", DETACH_FROM_MACHINE, BATCH_ALERTS),
            rows("alert_rules", "id", RULES_WITHOUT_ALERTS),
            *MENTIONS,
        ),
        "analysis": (
            Statement("", BURY_ANALYSES),
            Statement("", DETACH_MESSAGES_FROM_ANALYSIS, BATCH_ALERTS),
            Statement("", DETACH_FROM_ANALYSIS, BATCH_ALERTS),
            *MENTIONS,
        ),
        "organization": (
            Statement("", BURY_MACHINES),
            Statement("", BURY_ORGANIZATION),
            CANCEL_JOBS,
            rows("deliveries", "id", own),
            rows("alerts", "id", own),
            rows("alert_rules", "id", own),
            rows("deleted_analyses", "analysis_id", own),
            rows("member_refs", "organization_id, user_id", own),
            *OF_ORGANIZATION,
            TURNS,
        ),
        "user": OF_USER,
    }
