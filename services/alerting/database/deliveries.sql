-- name: insert_delivery!
-- Store an attempt.
INSERT INTO deliveries (id, organization_id, alert_id, message_id, lane_id, channel, target_key, target, change, step,
                        group_key, grouped_into, message, attempt, status, next_attempt_at, response_status,
                        latency_ms, error, reason, created_at, finished_at)
VALUES (:id, :organization_id, :alert_id, :message_id, :lane_id, :channel, :target_key, :target, :change, :step,
        :group_key, :grouped_into, :message, :attempt, :status, :next_attempt_at, :response_status,
        :latency_ms, :error, :reason, :created_at, :finished_at);

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
    reason = :reason, target = :target, finished_at = :finished_at
WHERE id = :id;
