-- name: count_attempt^
-- Count an attempt as failed before it is made, so that concurrent attempts cannot slip through together.
-- No row if the subject must wait. The first one delays nothing, also not another whose clock was read just before.
INSERT INTO password_attempts AS a (subject, failures, failed_at, free_at)
VALUES (:subject, 1, :now, '-infinity')
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN a.failed_at < :forgotten THEN 1 ELSE a.failures + 1 END, failed_at = :now
WHERE a.free_at <= :now
RETURNING failures;

-- name: delay_attempts!
-- Delay the next attempt.
UPDATE password_attempts SET free_at = :free_at WHERE subject = :subject;

-- name: attempts_free_at$
-- When the next attempt is allowed, if it must wait.
SELECT nullif(free_at, '-infinity') FROM password_attempts WHERE subject = :subject;

-- name: reset_attempts!
-- Delete the failures of a subject that has succeeded.
DELETE FROM password_attempts WHERE subject = :subject;

-- name: delete_old_attempts!
-- Delete failures that no longer count.
DELETE FROM password_attempts WHERE failed_at < :before;
