-- name: first_config!
-- An organization's first configuration, in which every column has the specification's default.
INSERT INTO config_data (organization_id, created_at) VALUES (:organization_id, :now)
ON CONFLICT (organization_id, version) DO NOTHING;

-- name: current_config^
-- The newest configuration of the organization that did not come with an analysis.
SELECT * FROM config_data WHERE organization_id = :organization_id AND NOT inline ORDER BY version DESC LIMIT 1;

-- name: lock_configs!
-- Let one transaction at a time add a version. A lock on the newest row would not show the one that follows it.
SELECT pg_advisory_xact_lock(hashtextextended('config_data ' || :organization_id::uuid, 0));

-- name: next_config_version$
-- The number of the next version.
SELECT coalesce(max(version), 0) + 1 FROM config_data WHERE organization_id = :organization_id;

-- name: get_config^
-- One configuration of the organization.
SELECT * FROM config_data WHERE id = :id;

-- name: list_configs
-- Configurations, newest first.
SELECT * FROM config_data
WHERE (:after_at::timestamptz IS NULL OR (created_at, id) < (:after_at, :after_id::integer))
ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: insert_config^
-- The next version of a configuration.
INSERT INTO config_data (organization_id, version, gamma0, optimizer, alpha, end_meta, start_dim, end_dim, scaling,
                         detector, ewma, sensitivity, false_alarm_rate, max_missing, imax, lowdim, eta, epsilon, beta1,
                         beta2, beta, a, w1, w2, which_w1, mode, param_mode, roles, created_at, created_by,
                         reading, inline, severity_bands, deteriorating_fraction, failing_fraction,
                         deteriorating_wear, failing_wear)
VALUES (:organization_id, :version, :gamma0, :optimizer, :alpha, :end_meta, :start_dim, :end_dim, :scaling,
        :detector, :ewma, :sensitivity, :false_alarm_rate, :max_missing, :imax, :lowdim, :eta, :epsilon, :beta1,
        :beta2, :beta, :a, :w1, :w2, :which_w1, :mode, :param_mode, :roles, :created_at, :created_by,
        :reading, :inline, :severity_bands, :deteriorating_fraction, :failing_fraction, :deteriorating_wear,
        :failing_wear)
RETURNING *;
