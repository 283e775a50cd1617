-- name: claim_backup_reminder^
-- Take the turn to remind of late backups; no row if they are not late, or somebody reminded already.
UPDATE last_backup SET reminded_at = :now
WHERE coalesce(verified_at, watched_since) < :verified_before
  AND (reminded_at IS NULL OR reminded_at <= :reminded_before)
RETURNING verified_at;
