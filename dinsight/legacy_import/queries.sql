-- name: legacy_columns
-- The columns of a legacy table, to be compared with the specification's.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute a
WHERE a.attrelid = to_regclass('public.' || :name) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: missing_tables
-- Tables of the installation that the import writes to, and that do not exist.
SELECT wanted FROM unnest(ARRAY['auth.organizations', 'machines.machines', 'analysis.analyses', 'analysis.monitor_data'])
    AS wanted
WHERE to_regclass(wanted) IS NULL;

-- name: legacy_months
-- The months of monitoring results, as the import dates them.
SELECT DISTINCT date_trunc('month', coalesce(created_at, 'epoch') AT TIME ZONE 'UTC')::date AS month
FROM public.monitor_data ORDER BY month;

-- name: one_at_a_time!
-- Two imports at once would each miss what the other adds.
SELECT pg_advisory_xact_lock(hashtext('dinsight import-legacy'));

-- name: get_default_organization^
-- The organization that takes legacy data.
SELECT id, name FROM auth.organizations WHERE slug = :slug;

-- name: insert_organization!
-- The organization that takes legacy data, when there is none yet.
INSERT INTO auth.organizations (id, name, slug, description, created_at, updated_at)
VALUES (:id, :name, :slug, :description, :now, :now);

-- name: insert_import_user$
-- Who imported rows are said to be made by: an account that nobody can sign in to.
INSERT INTO auth.users (id, email, password_hash, full_name, is_active, created_at, updated_at)
VALUES (:id, :email, '!', :full_name, false, :now, :now) ON CONFLICT DO NOTHING RETURNING true;

-- name: get_user_by_email^
-- The account that is to own the organization.
SELECT id, email, full_name, is_active FROM auth.users WHERE email = :email;

-- name: insert_owner$
-- Make the account an owner; gives the version of its membership, or nothing when it is a member already.
INSERT INTO auth.user_organizations (id, user_id, organization_id, role, joined_at)
VALUES (:id, :user_id, :organization_id, 'owner', :now)
ON CONFLICT (user_id, organization_id) DO NOTHING RETURNING version;

-- name: problems
-- What in the legacy rows cannot be taken over, as sentences.
SELECT 'file_uploads ' || id || ': the status ''' || status || ''' is none of pending, processing, completed, failed'
    AS problem
FROM legacy_file_uploads WHERE status NOT IN ('pending', 'processing', 'completed', 'failed')
UNION ALL
SELECT 'dinsight_data ' || id || ': x_values and y_values differ in length'
FROM legacy_dinsight_data WHERE cardinality(x_values) <> cardinality(y_values)
UNION ALL
SELECT 'monitor_data ' || id || ': monitor_values, x_values and y_values differ in length'
FROM legacy_monitor_data
WHERE cardinality(monitor_values) <> cardinality(x_values) OR cardinality(x_values) <> cardinality(y_values)
UNION ALL
SELECT 'feature_data of file_uploads ' || file_upload_id || ': rows have different numbers of features'
FROM legacy_feature_data WHERE cardinality(feature_values) > 0
GROUP BY file_upload_id HAVING count(DISTINCT array_length(feature_values, 2)) > 1
UNION ALL
SELECT 'feature_data ' || id || ': feature_values has more than two dimensions'
FROM legacy_feature_data WHERE array_ndims(feature_values) > 2
LIMIT 10;

-- name: make_plan#
-- Where the plan of the import is noted: which machine, which run, which analysis, which configuration.
CREATE TEMPORARY TABLE legacy_machines (
    id uuid, name varchar(255), file_upload_id uuid, created_at timestamptz
) ON COMMIT DROP;
CREATE TEMPORARY TABLE legacy_places (file_upload_id uuid, machine_id uuid) ON COMMIT DROP;
CREATE TEMPORARY TABLE legacy_chunks (
    id uuid, dinsight_id uuid, file_upload_id uuid, analysis_id uuid, first_sample integer, samples integer,
    max_distance double precision, created_at timestamptz
) ON COMMIT DROP;
CREATE TEMPORARY TABLE legacy_configs (legacy_id integer, target_id integer) ON COMMIT DROP;

-- name: plan_chunks!
-- A monitoring row belongs to the upload that its metadata names, else to the upload of its map. Rows of one map
-- and upload are runs: a new one begins where process_order does not rise.
INSERT INTO legacy_chunks
WITH named AS (
    SELECT m.id, m.dinsight_id, coalesce(u.id, d.file_upload_id) AS file_upload_id, m.process_order, m.created_at,
           cardinality(m.monitor_values) AS samples,
           (SELECT max(distance) FROM unnest(m.monitor_values) AS distance) AS max_distance
    FROM legacy_monitor_data m JOIN legacy_dinsight_data d ON d.id = m.dinsight_id
    LEFT JOIN legacy_file_uploads u ON u.id::text = m.metadata->0->>'file_upload_id'
), begun AS (
    SELECT *, coalesce(process_order <= lag(process_order) OVER w, false) AS begins FROM named
    WINDOW w AS (PARTITION BY dinsight_id, file_upload_id ORDER BY created_at, process_order, id)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER w AS run FROM begun
    WINDOW w AS (PARTITION BY dinsight_id, file_upload_id ORDER BY created_at, process_order, id)
)
SELECT id, dinsight_id, file_upload_id,
       uuid_generate_v5(:namespace, concat_ws(' ', 'monitoring', dinsight_id, file_upload_id, run)),
       sum(samples) OVER (PARTITION BY dinsight_id, file_upload_id, run ORDER BY process_order) - samples,
       samples, max_distance, created_at
FROM numbered;

-- name: plan_machines!
-- One machine for each upload with a map. Uploads without one go to that machine when there is only one, else to
-- a machine of their own.
INSERT INTO legacy_machines
WITH mapped AS (SELECT DISTINCT file_upload_id FROM legacy_dinsight_data)
SELECT uuid_generate_v5(:namespace, 'machine ' || u.id), left('Imported: ' || u.original_filename, 255), u.id,
       u.created_at
FROM legacy_file_uploads u JOIN mapped ON mapped.file_upload_id = u.id
UNION ALL
SELECT uuid_generate_v5(:namespace, 'machine'), 'Imported: uploads without a map', NULL, min(u.created_at)
FROM legacy_file_uploads u
WHERE u.id NOT IN (SELECT file_upload_id FROM mapped UNION SELECT file_upload_id FROM legacy_chunks)
  AND (SELECT count(*) FROM mapped) <> 1
HAVING count(*) > 0;

-- name: plan_places!
-- Which machine each upload belongs to.
INSERT INTO legacy_places
SELECT u.id, coalesce(
    (SELECT m.id FROM legacy_machines m WHERE m.file_upload_id = u.id),
    (SELECT m.id FROM legacy_chunks c JOIN legacy_dinsight_data d ON d.id = c.dinsight_id
     JOIN legacy_machines m ON m.file_upload_id = d.file_upload_id
     WHERE c.file_upload_id = u.id ORDER BY d.created_at, d.id LIMIT 1),
    (SELECT m.id FROM legacy_machines m ORDER BY m.file_upload_id NULLS FIRST LIMIT 1))
FROM legacy_file_uploads u;

-- name: imported_configs
-- Configurations that an earlier run imported, in their order.
SELECT id FROM analysis.config_data
WHERE organization_id = :organization_id AND created_by = :user_id ORDER BY version;

-- name: legacy_config_ids
-- Legacy configurations in their order.
SELECT id FROM legacy_config_data ORDER BY id;

-- name: insert_config$
-- A legacy configuration under its own number, or a new one where that is taken, as the organization's next version.
INSERT INTO analysis.config_data (
    id, gamma0, optimizer, alpha, end_meta, start_dim, end_dim, imax, lowdim, eta, epsilon, beta1, beta2, beta, a, w1,
    w2, which_w1, mode, param_mode, created_at, organization_id, version, created_by)
SELECT CASE WHEN EXISTS (SELECT FROM analysis.config_data c WHERE c.id = l.id)
            THEN (SELECT greatest(max(id), :highest) + 1 FROM analysis.config_data) ELSE l.id END,
       gamma0, optimizer, alpha, end_meta, start_dim, end_dim, imax, lowdim, eta, epsilon, beta1, beta2, beta, a, w1,
       w2, which_w1, mode, param_mode, created_at, :organization_id,
       (SELECT coalesce(max(version), 0) + 1 FROM analysis.config_data WHERE organization_id = :organization_id),
       :user_id
FROM legacy_config_data l WHERE id = :id
RETURNING id;

-- name: continue_config_numbers!
-- The next configuration gets a number above all there are.
SELECT setval(pg_get_serial_sequence('analysis.config_data', 'id'), max(id)) FROM analysis.config_data;

-- name: note_config!
-- Which configuration a legacy one has become.
INSERT INTO legacy_configs VALUES (:legacy_id, :target_id);

-- name: deleted_machines
-- Imported machines that were deleted since.
SELECT r.id, r.name FROM analysis.machine_refs r JOIN legacy_machines m ON m.id = r.id WHERE r.deleted;

-- name: insert_machines
-- Machines that are new.
INSERT INTO machines.machines (id, organization_id, name, metadata, created_at, updated_at, last_analysis_at)
SELECT m.id, :organization_id, m.name,
       jsonb_strip_nulls(jsonb_build_object('imported', true, 'file_upload_id', m.file_upload_id)), m.created_at, :now,
       (SELECT max(greatest(d.created_at, c.created_at)) FROM legacy_places p
        JOIN legacy_dinsight_data d ON d.file_upload_id = p.file_upload_id
        LEFT JOIN legacy_chunks c ON c.dinsight_id = d.id WHERE p.machine_id = m.id)
FROM legacy_machines m WHERE NOT EXISTS (SELECT FROM machines.machines t WHERE t.id = m.id)
RETURNING id, name, model, serial_number, location, status, metadata, tags, legal_hold, version,
    updated_at;

-- name: insert_machine_refs!
-- The replica that analyses point at.
INSERT INTO analysis.machine_refs (id, organization_id, name, status, version, changed_at)
SELECT m.id, :organization_id, m.name, 'active', 1, :now FROM legacy_machines m
ON CONFLICT (id) DO NOTHING;

-- name: insert_uploads$
-- Uploads, with the names of the features as the map's configuration has them. Where a file lay is noted in the
-- results of its analyses: file_path is a place in the object store, which the file is not in.
WITH widths AS (
    SELECT f.file_upload_id, max(array_length(f.feature_values, 2)) AS features,
           sum(coalesce(array_length(f.feature_values, 1), 0)) AS samples
    FROM legacy_feature_data f GROUP BY f.file_upload_id
), dims AS (
    SELECT DISTINCT ON (d.file_upload_id) d.file_upload_id, regexp_replace(c.start_dim, '[0-9]+$', '') AS prefix,
           substring(c.start_dim FROM '[0-9]{1,6}$')::integer AS first,
           substring(c.end_dim FROM '[0-9]{1,6}$')::integer AS last
    FROM legacy_dinsight_data d JOIN legacy_config_data c ON c.id = d.config_id
    WHERE c.start_dim ~ '[^0-9][0-9]{1,6}$'
      AND regexp_replace(c.start_dim, '[0-9]+$', '') = regexp_replace(c.end_dim, '[0-9]+$', '')
    ORDER BY d.file_upload_id, d.created_at, d.id
), done AS (
    INSERT INTO analysis.file_uploads (id, original_filename, file_size, file_path, status, error_message,
                                       merged_files, created_at, updated_at, organization_id, samples, features)
    SELECT u.id, u.original_filename, u.file_size, 'imported/' || u.id, u.status, u.error_message, u.merged_files,
           u.created_at, u.updated_at, :organization_id, w.samples,
           CASE WHEN w.features IS NULL THEN NULL
                WHEN s.last - s.first + 1 = w.features
                THEN (SELECT jsonb_agg(s.prefix || number ORDER BY number) FROM generate_series(s.first, s.last) number)
                ELSE (SELECT jsonb_agg('f_' || number ORDER BY number) FROM generate_series(0, w.features - 1) number)
           END
    FROM legacy_file_uploads u
    LEFT JOIN widths w ON w.file_upload_id = u.id LEFT JOIN dims s ON s.file_upload_id = u.id
    WHERE NOT EXISTS (SELECT FROM analysis.file_uploads t WHERE t.id = u.id)
    RETURNING 1
) SELECT count(*) FROM done;

-- name: insert_maps$
-- Maps, under their ids.
WITH done AS (
    INSERT INTO analysis.dinsight_data (id, file_upload_id, config_id, x_values, y_values, created_at, organization_id)
    SELECT d.id, d.file_upload_id, c.target_id, d.x_values, d.y_values, d.created_at, :organization_id
    FROM legacy_dinsight_data d JOIN legacy_configs c ON c.legacy_id = d.config_id
    WHERE NOT EXISTS (SELECT FROM analysis.dinsight_data t WHERE t.id = d.id)
    RETURNING 1
) SELECT count(*) FROM done;

-- name: insert_features$
-- Features, with their place in the upload.
WITH placed AS (
    SELECT *, coalesce(array_length(feature_values, 1), 0) AS samples,
           sum(coalesce(array_length(feature_values, 1), 0)) OVER (PARTITION BY file_upload_id ORDER BY place) AS last
    FROM legacy_feature_data
), done AS (
    INSERT INTO analysis.feature_data (id, file_upload_id, feature_values, metadata, created_at, organization_id,
                                       chunk_index, first_sample, samples)
    SELECT f.id, f.file_upload_id, f.feature_values, f.metadata, f.created_at, :organization_id,
           f.place, f.last - f.samples, f.samples
    FROM placed f WHERE NOT EXISTS (SELECT FROM analysis.feature_data t WHERE t.id = f.id)
    RETURNING 1
) SELECT count(*) FROM done;

-- name: insert_monitoring$
-- Monitoring results, with their run and their place in it.
WITH done AS (
    INSERT INTO analysis.monitor_data (id, dinsight_id, monitor_values, x_values, y_values, metadata, process_order,
                                       created_at, organization_id, analysis_id, first_sample, samples)
    SELECT m.id, m.dinsight_id, m.monitor_values, m.x_values, m.y_values, m.metadata, m.process_order, m.created_at,
           :organization_id, c.analysis_id, c.first_sample, c.samples
    FROM legacy_monitor_data m JOIN legacy_chunks c ON c.id = m.id
    WHERE NOT EXISTS (SELECT FROM analysis.monitor_data t WHERE t.id = m.id)
    RETURNING 1
) SELECT count(*) FROM done;

-- name: insert_analyses$
-- A baseline for each map, a monitoring run for each run of results, and a failed one for each upload of which no
-- result was kept: so every upload belongs to a machine.
WITH runs AS (
    SELECT uuid_generate_v5(:namespace, 'baseline ' || d.id) AS id, d.file_upload_id, d.id AS dinsight_id,
           'baseline' AS analysis_type, NULL::uuid AS baseline_id, cardinality(d.x_values) AS samples,
           NULL::double precision AS max_distance, d.created_at AS completed_at
    FROM legacy_dinsight_data d
    UNION ALL
    SELECT c.analysis_id, c.file_upload_id, c.dinsight_id, 'monitoring',
           uuid_generate_v5(:namespace, 'baseline ' || c.dinsight_id), sum(c.samples), max(c.max_distance),
           max(c.created_at)
    FROM legacy_chunks c GROUP BY c.analysis_id, c.file_upload_id, c.dinsight_id
    UNION ALL
    SELECT uuid_generate_v5(:namespace, 'upload ' || u.id), u.id, NULL, 'monitoring', NULL, NULL, NULL, u.updated_at
    FROM legacy_file_uploads u
    WHERE u.id NOT IN (SELECT file_upload_id FROM legacy_dinsight_data UNION SELECT file_upload_id FROM legacy_chunks)
), done AS (
    INSERT INTO analysis.analyses (id, machine_id, file_upload_id, dinsight_id, analysis_type, status, results, error,
                                   created_by, created_at, completed_at, organization_id, config_id, baseline_id,
                                   progress)
    SELECT r.id, p.machine_id, r.file_upload_id, r.dinsight_id, r.analysis_type,
           CASE WHEN r.dinsight_id IS NULL THEN 'failed' ELSE 'completed' END,
           jsonb_strip_nulls(jsonb_build_object(
               'samples', r.samples, 'max_distance', r.max_distance,
               'imported', jsonb_build_object('file_path', u.file_path, 'status', u.status))),
           CASE WHEN r.dinsight_id IS NULL THEN jsonb_build_object('message', coalesce(
               u.error_message, 'The installation that this upload was imported from kept no result of it.')) END,
           :user_id, u.created_at, r.completed_at, :organization_id, c.target_id, r.baseline_id, 1
    FROM runs r JOIN legacy_file_uploads u ON u.id = r.file_upload_id
    JOIN legacy_places p ON p.file_upload_id = coalesce(
        (SELECT d.file_upload_id FROM legacy_dinsight_data d WHERE d.id = r.dinsight_id), r.file_upload_id)
    LEFT JOIN legacy_dinsight_data d ON d.id = r.dinsight_id
    LEFT JOIN legacy_configs c ON c.legacy_id = d.config_id
    WHERE NOT EXISTS (SELECT FROM analysis.analyses t WHERE t.id = r.id)
    ORDER BY r.analysis_type
    RETURNING 1
) SELECT count(*) FROM done;
