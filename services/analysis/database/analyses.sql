-- name: insert_analysis!
-- A new analysis, waiting for a worker.
INSERT INTO analyses (id, organization_id, machine_id, file_upload_id, dinsight_id, baseline_id, config_id,
                      analysis_type, status, created_by, created_at)
VALUES (:id, :organization_id, :machine_id, :file_upload_id, :dinsight_id, :baseline_id, :config_id,
        :analysis_type, :status, :created_by, :created_at);

-- name: get_analysis^
-- One analysis.
SELECT * FROM analyses WHERE id = :id;

-- name: list_analyses
-- Analyses, newest first.
SELECT * FROM analyses
WHERE (:machine_id::uuid IS NULL OR machine_id = :machine_id)
  AND (:analysis_type::text IS NULL OR analysis_type = :analysis_type)
  AND (:status::text IS NULL OR status = :status)
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::uuid))
ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: newest_analyses
-- The machine's newest analyses of one type with one of some statuses, newest first.
SELECT * FROM analyses
WHERE machine_id = :machine_id AND analysis_type = :analysis_type AND status = ANY (:statuses::text[])
ORDER BY completed_at DESC, id DESC LIMIT :limit;

-- name: begin_analysis^
-- Start an attempt, unless the analysis has ended.
UPDATE analyses SET status = 'processing', stage = 'reading', progress = 0, attempts = :attempt,
    chunks = NULL, chunks_scored = 0, read_at = NULL, timings = NULL
WHERE id = :id AND status IN ('pending', 'processing') RETURNING *;

-- name: lock_analysis^
-- An analysis that is being processed, locked until the transaction ends.
SELECT * FROM analyses WHERE id = :id AND status = 'processing' FOR NO KEY UPDATE;

-- name: lock_analysis_against_deletion$
-- An analysis that is being processed, which nobody deletes until the transaction ends; chunks may be counted.
SELECT true FROM analyses WHERE id = :id AND status = 'processing' FOR KEY SHARE;

-- name: set_progress!
-- The progress of an analysis that is being processed.
UPDATE analyses SET stage = :stage, progress = :progress WHERE id = :id AND status = 'processing';

-- name: requeue_analysis!
-- Return an analysis to the status pending.
UPDATE analyses SET status = 'pending', stage = NULL, progress = 0, attempts = :attempts
WHERE id = :id AND status = 'processing';

-- name: set_read^
-- All files of a run are read; its chunks remain to be scored.
UPDATE analyses SET chunks = :chunks, read_at = :now, timings = :timings, stage = 'scoring'
WHERE id = :id AND status = 'processing' RETURNING chunks, chunks_scored, read_at, timings;

-- name: count_scored^
-- One more chunk of a run is scored.
UPDATE analyses SET chunks_scored = chunks_scored + 1
WHERE id = :id AND status = 'processing' RETURNING chunks, chunks_scored, read_at, timings;

-- name: scoring_state^
-- How many chunks of a run are scored.
SELECT chunks, chunks_scored, read_at, timings FROM analyses WHERE id = :id;

-- name: complete_analysis$
-- Complete an analysis, unless it has ended.
UPDATE analyses SET status = 'completed', stage = NULL, progress = 1, timings = NULL,
    results = :results, dinsight_id = :dinsight_id, completed_at = :now
WHERE id = :id AND status = 'processing' RETURNING true;

-- name: fail_analysis$
-- Fail an analysis, unless it has ended.
UPDATE analyses SET status = 'failed', stage = NULL, timings = NULL, error = :error, completed_at = :now
WHERE id = :id AND status IN ('pending', 'processing') RETURNING true;

-- name: lock_baseline^
-- A baseline that a new run is placed on, which nobody archives until the transaction ends.
SELECT * FROM analyses WHERE id = :id FOR SHARE;
