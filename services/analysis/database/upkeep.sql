-- name: adopt_analyses$
-- Enqueue pending analyses of all organizations that have no job, and return their number.
SELECT adopt_analyses(:max_small_bytes);

-- name: discard_objects!
-- Note an object or a prefix for deletion once the transaction has committed.
INSERT INTO discarded_objects (prefix) VALUES (:prefix);

-- name: discarded_objects
-- Objects and prefixes that wait for deletion, oldest first; those of a deletion are deleted and counted by its job.
SELECT id, prefix FROM discarded_objects WHERE deletion_id IS NULL ORDER BY id LIMIT :limit;

-- name: forget_discarded!
-- The objects are deleted.
DELETE FROM discarded_objects WHERE id = :id;

-- name: known_objects
-- Those of the uploads and models that are in use, over all organizations.
SELECT known FROM known_objects(:upload_ids::uuid[], :model_keys::text[]);

-- name: known_archives
-- Those of the prefixes that an archive has, over all organizations.
SELECT known FROM known_archives(:prefixes::text[]);
