-- name: get_source^
-- A source.
SELECT * FROM sources WHERE id = :id;

-- name: lock_source^
-- A source, locked until the transaction ends. Whoever also needs its job locks the source first.
SELECT * FROM sources WHERE id = :id FOR UPDATE;

-- name: list_sources
-- The sources of a machine, newest first.
SELECT * FROM sources
WHERE machine_id = :machine_id
  AND (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at::timestamptz, :after_id::uuid))
ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: hold_source_names!
-- Let nobody else add or rename sources of a machine until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('analysis.sources/' || :machine_id::uuid, 0));

-- name: source_names
-- The names of a machine's sources.
SELECT id, name FROM sources WHERE machine_id = :machine_id;

-- name: insert_source!
-- Add a source.
INSERT INTO sources (id, organization_id, machine_id, name, is_active, place, sealed, pattern, every, delay, since,
                     take_changed, config, applied, problem, counts, looked_at, next_look_at, taken_at, created_by,
                     created_at, updated_at)
VALUES (:id, :organization_id, :machine_id, :name, :is_active, :place, :sealed, :pattern, :every, :delay, :since,
        :take_changed, :config, :applied, :problem, :counts, :looked_at, :next_look_at, :taken_at, :created_by,
        :created_at, :updated_at);

-- name: update_source!
-- Store everything of a source that can change.
UPDATE sources
SET name = :name, is_active = :is_active, place = :place, sealed = :sealed, pattern = :pattern, every = :every,
    delay = :delay, since = :since, take_changed = :take_changed, config = :config, applied = :applied,
    problem = :problem, counts = :counts, looked_at = :looked_at, next_look_at = :next_look_at, taken_at = :taken_at,
    updated_at = :updated_at
WHERE id = :id;

-- name: delete_source!
-- Delete a source with what is known of its files.
DELETE FROM sources WHERE id = :id;

-- name: files_of_source
-- Everything that is known of a source's files, of which there are at most as many as a look lists.
SELECT * FROM source_files WHERE source_id = :source_id;

-- name: list_source_files
-- The files of a source, those seen last first.
SELECT * FROM source_files
WHERE source_id = :source_id AND (:state::text IS NULL OR state = :state::text)
  AND (:after_at::timestamptz IS NULL OR (seen_at, id) < (:after_at::timestamptz, :after_id::uuid))
ORDER BY seen_at DESC, id DESC LIMIT :limit;

-- name: lock_source_file^
-- A file of a source, locked until the transaction ends.
SELECT * FROM source_files WHERE id = :id FOR UPDATE;

-- name: put_source_files!
-- Add files, or store what has changed of them.
INSERT INTO source_files (id, organization_id, source_id, path, size, version, modified_at, state, seen_at, same_since,
                          taken_at, analysis_id, problem, changed_at, gone_since)
SELECT f.id, f.organization_id, f.source_id, f.path, f.size, f.version, f.modified_at, f.state, f.seen_at, f.same_since,
       f.taken_at, f.analysis_id, f.problem, f.changed_at, f.gone_since
FROM jsonb_to_recordset(:files::jsonb) AS f(id uuid, organization_id uuid, source_id uuid, path text, size bigint,
     version text, modified_at timestamptz, state text, seen_at timestamptz, same_since timestamptz,
     taken_at timestamptz, analysis_id uuid, problem jsonb, changed_at timestamptz, gone_since timestamptz)
ON CONFLICT (source_id, path) DO UPDATE
SET size = excluded.size, version = excluded.version, modified_at = excluded.modified_at, state = excluded.state,
    same_since = excluded.same_since, taken_at = excluded.taken_at, analysis_id = excluded.analysis_id,
    problem = excluded.problem, changed_at = excluded.changed_at, gone_since = excluded.gone_since;

-- name: forget_source_files!
-- Delete what is known of files.
DELETE FROM source_files WHERE id = ANY (:ids::uuid[]);

-- name: retry_failed_files!
-- Let the files that failed be tried again.
UPDATE source_files SET state = 'waiting', problem = NULL WHERE source_id = :source_id AND state = 'failed';

-- name: count_source_files
-- How many files of a source are in which state.
SELECT state, count(*) AS files FROM source_files WHERE source_id = :source_id GROUP BY state;
