-- name: functions#
-- Who owns what: the ids of numbered things, the machine of an analysis and the organization of a machine.
-- Organization 1 has two of five machines and more, and machine 1 a tenth of all analyses.
CREATE OR REPLACE FUNCTION pg_temp.id(salt text, kind text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT md5(salt || kind || number)::uuid $$;
CREATE OR REPLACE FUNCTION pg_temp.machine_of(analysis bigint, machines integer) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN analysis % 10 = 0 THEN 1 ELSE (analysis * 7919) % machines + 1 END $$;
CREATE OR REPLACE FUNCTION pg_temp.organization_of(machine bigint, organizations integer) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN machine % 5 < 2 THEN 1 ELSE machine % organizations + 1 END $$;

-- name: users!
INSERT INTO auth.users (id, email, password_hash, full_name, created_at, role)
SELECT pg_temp.id(:salt, 'user', n), md5(:salt || n) || '@example.org', '!', 'User ' || n,
       :now::timestamptz - (n / 4) * interval '1 hour', CASE WHEN n = 1 THEN 'admin' ELSE 'user' END
FROM generate_series(1, :users::integer) AS n;

-- name: organizations!
INSERT INTO auth.organizations (id, name, slug, created_at, updated_at)
SELECT pg_temp.id(:salt, 'organization', n), 'Plant ' || n, md5(:salt || 'slug' || n),
       :now::timestamptz - (n / 4) * interval '1 hour', :now
FROM generate_series(1, :organizations::integer) AS n;

-- name: memberships!
-- User n owns organization n; user 1 is in all organizations, and a fifth of all users in organization 1.
INSERT INTO auth.user_organizations (id, user_id, organization_id, role, joined_at)
SELECT DISTINCT ON (u, o) gen_random_uuid(), pg_temp.id(:salt, 'user', u), pg_temp.id(:salt, 'organization', o),
       CASE WHEN u = o OR u = 1 THEN 'owner' ELSE 'viewer' END, :now::timestamptz - (u / 4) * interval '1 minute'
FROM (SELECT n AS u, CASE WHEN n > :organizations AND n % 5 = 0 THEN 1 ELSE (n - 1) % :organizations::integer + 1 END AS o
      FROM generate_series(1, :users::integer) AS n
      UNION ALL SELECT 1, n FROM generate_series(1, :organizations::integer) AS n) AS pairs;

-- name: sessions!
INSERT INTO auth.refresh_tokens (id, user_id, token_hash, expires_at, created_at, family_id, signed_in_at)
SELECT gen_random_uuid(), pg_temp.id(:salt, 'user', CASE WHEN n % 2 = 0 THEN 1 ELSE n END), md5(:salt || 'token' || n),
       :now::timestamptz + interval '30 days', :now,
       CASE WHEN n = 2 THEN pg_temp.id(:salt, 'session', 1) ELSE gen_random_uuid() END,
       :now::timestamptz - (n / 8) * interval '1 minute'
FROM generate_series(1, :sessions::integer) AS n;

-- name: api_keys!
INSERT INTO auth.api_keys (id, organization_id, name, role, secret_hash, created_by, created_at)
SELECT gen_random_uuid(), pg_temp.id(:salt, 'organization', CASE WHEN n % 2 = 0 THEN 1 ELSE (n - 1) % :organizations + 1 END),
       'Collector ' || n, 'viewer', 'x', pg_temp.id(:salt, 'user', 1), :now::timestamptz - (n / 8) * interval '1 hour'
FROM generate_series(1, :keys::integer) AS n;

-- name: invitations!
INSERT INTO auth.invitations (id, organization_id, email, role, token_hash, invited_by, created_at, expires_at)
SELECT gen_random_uuid(), pg_temp.id(:salt, 'organization', CASE WHEN n % 2 = 0 THEN 1 ELSE (n - 1) % :organizations + 1 END),
       md5(:salt || 'invited' || n) || '@example.org', 'viewer', md5(:salt || 'invitation' || n),
       pg_temp.id(:salt, 'user', 1), :now::timestamptz - (n / 8) * interval '1 minute', :now::timestamptz + interval '7 days'
FROM generate_series(1, :keys::integer) AS n;

-- name: audit_logs!
-- One in twenty entries is a sign-in, which belongs to a user and no organization.
INSERT INTO auth.audit_logs (id, user_id, organization_id, action, resource_type, resource_id, changes, created_at, api_key_id)
SELECT gen_random_uuid(), pg_temp.id(:salt, 'user', CASE WHEN n % 20 = 0 THEN n / 20 % :users ELSE o END + 0),
       CASE WHEN n % 20 <> 0 THEN pg_temp.id(:salt, 'organization', o) END,
       CASE WHEN n % 20 = 0 THEN 'session.created' WHEN n % 1000 = 1 THEN 'machine.deleted' ELSE 'anomaly.acknowledged' END,
       CASE WHEN n % 20 = 0 THEN 'session' WHEN n % 1000 = 1 THEN 'machine' ELSE 'anomaly' END,
       pg_temp.id(:salt, 'resource', n / 10), '{"after": {"name": "Pump"}}',
       :now::timestamptz - (:logs - n / 4 * 4)::float8 / :logs * :span::interval,
       CASE WHEN n % 100 = 3 THEN pg_temp.id(:salt, 'key', 1) END
FROM (SELECT n, CASE WHEN n % 5 < 2 THEN 1 ELSE n % :organizations::integer + 1 END AS o
      FROM generate_series(1, :logs::bigint) AS n) AS numbered;

-- name: machines!
INSERT INTO machines.machines (id, organization_id, name, model, serial_number, location, status, metadata, tags, created_at,
                               updated_at)
SELECT pg_temp.id(:salt, 'machine', n), pg_temp.id(:salt, 'organization', pg_temp.organization_of(n, :organizations)),
       'Pump ' || n, 'Model ' || n % 7, 'S-' || n, 'Hall ' || n % 9,
       CASE WHEN n % 50 = 1 THEN 'maintenance' ELSE 'active' END, '{"kw": 75}',
       CASE WHEN n % 10 < 2 THEN ARRAY['line 3'] ELSE '{}' END, :now::timestamptz - (n / 4) * interval '1 minute', :now
FROM generate_series(1, :machines::integer) AS n;

-- name: machine_refs!
-- The replica of the machines, which the fleet lists.
INSERT INTO analysis.machine_refs (id, organization_id, name, model, location, status, tags, version, complete_version,
                                   changed_at)
SELECT id, organization_id, name, model, location, status, tags, 1, 1, updated_at FROM machines.machines;

-- name: deletions!
-- Certificates of deleted machines, half of them requested by user 1.
INSERT INTO auth.deletions (id, kind, subject_id, organization_id, requested_by, requested_at, backups_expire_at)
SELECT pg_temp.id(:salt, 'deletion', n), 'machine', pg_temp.id(:salt, 'deleted', n),
       pg_temp.id(:salt, 'organization', CASE WHEN n % 2 = 0 THEN 1 ELSE (n - 1) % :organizations + 1 END),
       pg_temp.id(:salt, 'user', n % 2 + 1), :now::timestamptz - (n / 4) * interval '1 minute',
       :now::timestamptz + interval '400 days'
FROM generate_series(1, :keys::integer) AS n;

-- name: uploads!
INSERT INTO analysis.file_uploads (id, organization_id, original_filename, file_size, status, merged_files, created_at)
SELECT pg_temp.id(:salt, 'upload', n),
       pg_temp.id(:salt, 'organization', pg_temp.organization_of(pg_temp.machine_of(n, :machines), :organizations)),
       'today.csv', 1000, 'completed', '[]', :now
FROM generate_series(1, :analyses::integer) AS n;

-- name: configs!
INSERT INTO analysis.config_data (organization_id, version, created_at)
SELECT pg_temp.id(:salt, 'organization', CASE WHEN n % 2 = 0 THEN 1 ELSE (n - 1) % :organizations + 1 END), n,
       :now::timestamptz - (n / 4) * interval '1 hour'
FROM generate_series(1, :keys::integer) AS n;

-- name: analyses!
-- Triggers are off: versions of baselines are numbered here.
INSERT INTO analysis.analyses (id, machine_id, file_upload_id, analysis_type, status, results, created_by, created_at,
                               completed_at, organization_id, baseline_version)
SELECT pg_temp.id(:salt, 'analysis', n), pg_temp.id(:salt, 'machine', m), pg_temp.id(:salt, 'upload', n),
       CASE WHEN n % 20 = 10 THEN 'baseline' ELSE 'monitoring' END,
       CASE WHEN n % 500 = 10 THEN 'failed' ELSE 'completed' END,
       '{"samples": 1000, "anomaly_count": 100, "anomaly_fraction": 0.1, "health": {"state": "ok"}}',
       pg_temp.id(:salt, 'user', 1), :now::timestamptz - (:analyses - n / 4 * 4)::float8 / :analyses * :span::interval, :now,
       pg_temp.id(:salt, 'organization', pg_temp.organization_of(m, :organizations)),
       CASE WHEN n % 20 = 10 AND n % 500 <> 10 THEN n / 20 END
FROM (SELECT n, pg_temp.machine_of(n, :machines) AS m FROM generate_series(1, :analyses::integer) AS n) AS numbered;

-- name: anomalies!
-- A hundred for each analysis; four at a time share a timestamp.
INSERT INTO analysis.anomalies (id, analysis_id, machine_id, "timestamp", severity, distance, threshold, features, metadata,
                                acknowledged, organization_id, sample_index, x, y)
SELECT gen_random_uuid(), analysis_id, machine_id, at + (k / 4) * interval '1 second',
       CASE WHEN (n * 100 + k) % 1000 = 7 THEN 'critical' WHEN k % 20 = 0 THEN 'high' WHEN k % 5 = 0 THEN 'medium' ELSE 'low' END,
       1.5, 1, '{"features": [{"name": "f_103", "share": 0.7, "expected": 1, "observed": 5}], "bands": []}', '{}',
       k % 50 = 10, organization_id, k, 0.5, 0.5
FROM (SELECT n, pg_temp.id(:salt, 'analysis', n) AS analysis_id, pg_temp.id(:salt, 'machine', m) AS machine_id,
             pg_temp.id(:salt, 'organization', pg_temp.organization_of(m, :organizations)) AS organization_id,
             :now::timestamptz - (:analyses - n)::float8 / :analyses * :span::interval - interval '1 minute' AS at
      FROM (SELECT n, pg_temp.machine_of(n, :machines) AS m
            FROM generate_series(:first::bigint, :last::bigint) AS n) AS numbered) AS runs
CROSS JOIN generate_series(0, 99) AS k;

-- name: rules!
INSERT INTO alerting.alert_rules (id, machine_id, name, condition, actions, severity, is_active, created_by, created_at,
                                  organization_id, template_id)
SELECT pg_temp.id(:salt, 'rule', n), pg_temp.id(:salt, 'machine', m), 'Rule ' || n, :condition, :actions,
       'high', n % 50 <> 1, pg_temp.id(:salt, 'user', 1), :now::timestamptz - (n / 4) * interval '1 minute',
       pg_temp.id(:salt, 'organization', o), CASE WHEN n = m THEN pg_temp.id(:salt, 'template', o) END
FROM (SELECT n, m, pg_temp.organization_of(m, :organizations) AS o
      FROM (SELECT n, (n - 1) % :machines + 1 AS m FROM generate_series(1, :machines::integer * 4) AS n) AS numbered) AS owned;

-- name: templates!
INSERT INTO alerting.rule_templates (id, organization_id, name, selector, condition, actions, severity, is_active,
                                     created_by, created_at, updated_at, version)
SELECT pg_temp.id(:salt, 'template', n), pg_temp.id(:salt, 'organization', (n - 1) % :organizations + 1), 'Template ' || n,
       '{}', :condition, :actions, 'high', true, pg_temp.id(:salt, 'user', 1),
       :now::timestamptz - (n / 4) * interval '1 minute', :now, 1
FROM generate_series(1, :organizations::integer * 8) AS n;

-- name: alerts!
INSERT INTO alerting.alerts (id, alert_rule_id, machine_id, status, data, created_at, organization_id, severity, dedupe_key,
                             assigned_to)
SELECT gen_random_uuid(), pg_temp.id(:salt, 'rule', m), pg_temp.id(:salt, 'machine', m),
       CASE WHEN n % 200 = 10 THEN 'active' WHEN n % 200 = 20 THEN 'recovering' ELSE 'resolved' END,
       :data, :now::timestamptz - (:analyses - n / 4 * 4)::float8 / :analyses * :span::interval,
       pg_temp.id(:salt, 'organization', pg_temp.organization_of(m, :organizations)),
       CASE WHEN n % 1000 = 10 THEN 'critical' WHEN n % 10 = 0 THEN 'high' ELSE 'medium' END, 'key ' || n,
       CASE WHEN n % 50 = 10 THEN pg_temp.id(:salt, 'user', 1) END
FROM (SELECT n, pg_temp.machine_of(n, :machines) AS m FROM generate_series(1, :analyses::integer) AS n) AS numbered;

-- name: resources!
-- Eight of each kind for every organization, of user 1.
INSERT INTO alerting.notification_resources (id, organization_id, kind, name, document, created_by, created_at, updated_at,
                                             version)
SELECT gen_random_uuid(), pg_temp.id(:salt, 'organization', n % :organizations + 1), key, key || ' ' || n, value,
       pg_temp.id(:salt, 'user', 1), :now::timestamptz - (n / 4) * interval '1 minute', :now, 1
FROM generate_series(1, :organizations::integer * 8) AS n, jsonb_each(:resources::jsonb);

-- name: deliveries!
INSERT INTO alerting.deliveries (id, organization_id, alert_id, message_id, channel, target, change, message, attempt,
                                 status, next_attempt_at, created_at)
SELECT gen_random_uuid(), organization_id, id, gen_random_uuid(), 'webhook:cmms', 'https://example.org', 'raised', '{}', 1,
       CASE WHEN random() < 0.1 THEN 'given_up' ELSE 'delivered' END, created_at, created_at
FROM alerting.alerts;

-- name: sources!
-- Of the first four machines.
INSERT INTO analysis.sources (id, organization_id, machine_id, name, is_active, place, pattern, every, delay, take_changed,
                              config, counts, created_by, created_at, updated_at)
SELECT pg_temp.id(:salt, 'source', n), pg_temp.id(:salt, 'organization', pg_temp.organization_of(m, :organizations)),
       pg_temp.id(:salt, 'machine', m), 'Source ' || n, true, '{"kind": "folder", "path": "press"}', '*',
       interval '5 minutes', interval '1 minute', false, '{}', '{}', pg_temp.id(:salt, 'user', 1),
       :now::timestamptz - (n / 4) * interval '1 minute', :now
FROM (SELECT n, (n - 1) % 4 + 1 AS m FROM generate_series(1, 32) AS n) AS numbered;

-- name: source_files!
INSERT INTO analysis.source_files (id, organization_id, source_id, path, size, version, modified_at, state, seen_at,
                                   same_since)
SELECT gen_random_uuid(), organization_id, id, n || '.csv', 10, '1', :now, CASE WHEN n % 3 = 0 THEN 'waiting' ELSE 'failed' END,
       :now::timestamptz - (n / 2) * interval '1 minute', :now
FROM analysis.sources, generate_series(1, 20) AS n;
