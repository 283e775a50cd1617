-- name: append_record$
-- Store a machine's next record; true if a job must be made that judges the machine. Without a rule that watches the
-- machine, the record counts as judged. Nothing of a deleted machine or analysis.
WITH head AS (
    INSERT INTO series_heads AS h (machine_id, organization_id, last_number, judged_number, queued)
    SELECT :machine_id, :organization_id, 1, CASE WHEN watched THEN 0 ELSE 1 END, CASE WHEN watched THEN 1 END
    FROM (SELECT EXISTS (SELECT FROM alert_rules r
                         WHERE r.machine_id = :machine_id AND r.is_active AND r.deleted_at IS NULL) AS watched) w
    WHERE NOT EXISTS (SELECT FROM deleted_analyses d WHERE d.analysis_id = :analysis_id)
      AND NOT EXISTS (SELECT FROM machine_refs m WHERE m.id = :machine_id AND m.deleted)
    ON CONFLICT (machine_id) DO UPDATE
    SET last_number = h.last_number + 1,
        judged_number = CASE WHEN coalesce(h.queued, excluded.queued) IS NULL THEN h.last_number + 1
                             ELSE h.judged_number END,
        queued = coalesce(h.queued, excluded.queued + h.last_number)
    RETURNING last_number, queued IS NOT NULL AND queued = last_number AS must_queue
), stored AS (
    INSERT INTO series (machine_id, number, organization_id, analysis_id, kind, first_at, last_at, samples,
                        received_at, data)
    SELECT :machine_id, last_number, :organization_id, :analysis_id, :kind, :first_at, :last_at, :samples,
           :received_at, :data
    FROM head
    ON CONFLICT DO NOTHING
)
SELECT must_queue FROM head;

-- name: add_history!
-- Store what was before a machine's first record; once.
INSERT INTO series (machine_id, number, organization_id, analysis_id, kind, first_at, last_at, samples, received_at,
                    data)
VALUES (:machine_id, 0, :organization_id, :analysis_id, :kind, :first_at, :last_at, :samples, :received_at, :data)
ON CONFLICT DO NOTHING;

-- name: queue_judgement$
-- Note that a job judges the machine; true unless there is one already.
INSERT INTO series_heads AS h (machine_id, organization_id, last_number, judged_number, queued)
VALUES (:machine_id, :organization_id, 0, 0, 0)
ON CONFLICT (machine_id) DO UPDATE SET queued = h.last_number WHERE h.queued IS NULL
RETURNING true;

-- name: judged_number$
-- The last record of the machine that is judged.
SELECT judged_number FROM series_heads WHERE machine_id = :machine_id;

-- name: finish_judging$
-- Note up to which record the machine is judged; true if more have come.
UPDATE series_heads
SET judged_number = greatest(judged_number, :number),
    queued = CASE WHEN last_number > :number THEN queued END
WHERE machine_id = :machine_id
RETURNING queued IS NOT NULL;

-- name: records_after
-- The machine's records after one of them, by their arrival.
SELECT * FROM series WHERE machine_id = :machine_id AND number > :number ORDER BY number LIMIT :limit;

-- name: records_between
-- The newest records that reach into a time, of those that came before one of them, oldest first.
SELECT * FROM (
    SELECT * FROM series
    WHERE machine_id = :machine_id AND number <= :number AND last_at > :since AND first_at <= :until
    ORDER BY last_at DESC, number DESC LIMIT :limit
) AS newest
ORDER BY first_at, number;

-- name: series_range^
-- When the records of the machine begin and end, and whether one of them is what was before the others.
SELECT min(first_at) AS since, max(last_at) AS until, coalesce(bool_or(number = 0), false) AS has_history
FROM series WHERE machine_id = :machine_id;

-- name: replace_record!
-- Replace a record by what remains of it with age.
UPDATE series SET kind = :kind, data = :data WHERE machine_id = :machine_id AND number = :number;

-- name: old_records
-- Some records of all organizations whose samples are older than `before`.
SELECT * FROM old_records(:before, :limit);

-- name: rule_states_of
-- What is remembered of the machine's rules, and the status of their open alerts.
SELECT r.id AS rule_id, s.version, s.state, a.status
FROM alert_rules r
LEFT JOIN rule_states s ON s.rule_id = r.id
LEFT JOIN alerts a ON a.alert_rule_id = r.id AND a.status <> 'resolved'
WHERE r.machine_id = :machine_id AND r.is_active AND r.deleted_at IS NULL;

-- name: save_states!
-- Store what is remembered of rules, given as parallel arrays; of those that still are as they were judged.
INSERT INTO rule_states AS s (rule_id, organization_id, machine_id, version, state)
SELECT n.rule_id, r.organization_id, r.machine_id, n.version, n.state::jsonb
FROM unnest(:rule_ids::uuid[], :versions::bigint[], :states::text[]) AS n(rule_id, version, state)
JOIN alert_rules r ON r.id = n.rule_id AND r.version = n.version
ON CONFLICT (rule_id) DO UPDATE SET version = excluded.version, state = excluded.state;

-- name: forget_state!
-- Forget what is remembered of a rule.
DELETE FROM rule_states WHERE rule_id = :rule_id;

-- name: recorded_alerts
-- The alerts of a machine in a time, of one rule or of all, with what people called them.
SELECT a.created_at, a.resolved_at, a.outcome, a.data ->> 'first_seen_at' AS first_seen_at,
       a.data ->> 'last_seen_at' AS last_seen_at
FROM alerts a
WHERE a.machine_id = :machine_id AND a.status <> 'pending'
  AND (:rule_id::uuid IS NULL OR a.alert_rule_id = :rule_id)
  AND (a.data ->> 'first_seen_at')::timestamptz < :until AND (a.data ->> 'last_seen_at')::timestamptz >= :since
ORDER BY a.created_at DESC LIMIT :limit;
