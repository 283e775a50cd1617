-- name: insert_message!
-- Add a message; its content is encrypted.
INSERT INTO mail (id, kind, sealed, expires_at, created_at, about)
VALUES (:id, :kind, :sealed, :expires_at, :created_at, :about);

-- name: get_waiting_message^
-- A message that is still to be sent.
SELECT id, kind, sealed, expires_at, created_at, about FROM mail WHERE id = :id AND status = 'waiting';

-- name: note_message_failure!
-- Record why the last attempt failed.
UPDATE mail SET error = :error WHERE id = :id;

-- name: finish_message!
-- Record that a message was sent or given up, and delete its content.
UPDATE mail SET status = :status, sealed = NULL, error = :error, finished_at = :now WHERE id = :id;

-- name: delete_finished_messages!
-- Delete messages that were sent or given up before.
DELETE FROM mail WHERE status <> 'waiting' AND finished_at < :before;
