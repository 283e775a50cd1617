-- name: insert_upload!
-- An upload whose files are in the object store.
INSERT INTO file_uploads (id, organization_id, original_filename, file_size, file_path, status, merged_files,
                          created_at, updated_at)
VALUES (:id, :organization_id, :original_filename, :file_size, :file_path, :status, :merged_files,
        :created_at, :updated_at);

-- name: lock_usage$
-- Let uploads of an organization with quotas be registered one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('quotas ' || :organization_id::uuid, 0));

-- name: usage^
-- What the organization of the transaction has uploaded since a time, stores, and waits for.
SELECT coalesce(sum(file_size) FILTER (WHERE created_at >= :since), 0)::bigint AS uploaded_bytes,
       coalesce(sum(samples) FILTER (WHERE created_at >= :since), 0)::bigint AS uploaded_samples,
       coalesce(sum(file_size) FILTER (WHERE file_path IS NOT NULL), 0)::bigint AS stored_bytes,
       (SELECT count(*) FROM analyses WHERE status IN ('pending', 'processing')) AS unfinished_analyses
FROM file_uploads;

-- name: get_upload^
-- One upload.
SELECT * FROM file_uploads WHERE id = :id;

-- name: forget_files!
-- The files of an upload are discarded: they are stored no longer.
UPDATE file_uploads SET file_path = NULL WHERE id = :id;

-- name: set_upload_status!
-- The status of an upload's processing, and its features and samples once they are known.
UPDATE file_uploads SET status = :status, error_message = :error_message, updated_at = :now,
    features = coalesce(:features::jsonb, features), samples = coalesce(:samples, samples)
WHERE id = :id;
