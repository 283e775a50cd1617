-- name: count_attempt^
-- Count an attempt as failed before it is made, so that concurrent attempts cannot slip through together.
-- No row if the subject must wait.
INSERT INTO password_attempts AS a (subject, failures, failed_at, free_at) VALUES (:subject, 1, :now, :now)
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN a.failed_at < :forgotten THEN 1 ELSE a.failures + 1 END, failed_at = :now
WHERE a.free_at <= :now
RETURNING failures;

-- name: delay_attempts!
-- Delay the next attempt.
UPDATE password_attempts SET free_at = :free_at WHERE subject = :subject;

-- name: attempts_free_at$
-- When the next attempt is allowed.
SELECT free_at FROM password_attempts WHERE subject = :subject;

-- name: reset_attempts!
-- Delete the failures of a subject that has succeeded.
DELETE FROM password_attempts WHERE subject = :subject;

-- name: delete_old_attempts!
-- Delete failures that no longer count.
DELETE FROM password_attempts WHERE failed_at < :before;
