"""Phase 4, audit: audit_logs, partitioned by month, append-only for the service."""

from shared.postgres.ddl import CURRENT_ORGANIZATION, run

revision = "auth_0002"
down_revision = "auth_0001"

# The partition key must be part of every unique key, hence the two-column primary key.
AUDIT_LOGS = """
CREATE TABLE audit_logs (
    id UUID DEFAULT uuid_generate_v4(),
    user_id UUID REFERENCES users(id),
    organization_id UUID REFERENCES organizations(id),
    action VARCHAR(100) NOT NULL,
    resource_type VARCHAR(50),
    resource_id UUID,
    changes JSONB,
    ip_address INET,
    user_agent TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_audit_logs_user ON audit_logs(user_id);
CREATE INDEX idx_audit_logs_organization ON audit_logs(organization_id);
CREATE INDEX idx_audit_logs_action ON audit_logs(action);
CREATE INDEX idx_audit_logs_created_at ON audit_logs(created_at DESC);
CREATE INDEX audit_logs_page ON audit_logs (organization_id, created_at DESC, id DESC);
CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT;
"""

# A partition is a table of its own, to which the parent's row-level security does not apply: the service
# gets no right on it and reaches its rows through the parent only.
PARTITIONS = """
CREATE FUNCTION ensure_audit_log_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = auth, pg_temp SET timezone = 'UTC' AS
$$
DECLARE
    starts timestamptz;
    ends timestamptz;
    partition text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('auth.ensure_audit_log_partitions'));
    FOR step IN 0..least(greatest(months_ahead, 0), 24) LOOP
        starts := date_trunc('month', now()) + make_interval(months => step);
        ends := starts + interval '1 month';
        partition := 'audit_logs_' || to_char(starts, 'YYYY_MM');
        CONTINUE WHEN to_regclass('auth.' || partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE audit_logs INCLUDING DEFAULTS)', partition);
        EXECUTE format('REVOKE ALL ON %I FROM dinsight_auth', partition);
        -- Rows that came while their month had no partition lie in the default one.
        EXECUTE format(
            'WITH moved AS (DELETE FROM audit_logs_default WHERE created_at >= %L AND created_at < %L'
            ' RETURNING *) INSERT INTO %I SELECT * FROM moved', starts, ends, partition);
        EXECUTE format(
            'ALTER TABLE audit_logs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, starts, ends);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION ensure_audit_log_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_audit_log_partitions(integer) TO dinsight_auth;
SELECT ensure_audit_log_partitions(3);
"""

# Administrators also see the sign-ins of their organization's members, which belong to no organization.
RIGHTS = f"""
REVOKE ALL ON audit_logs_default FROM dinsight_auth;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_logs FROM dinsight_auth;
ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_logs_tenant ON audit_logs FOR SELECT TO dinsight_auth USING (
    organization_id = {CURRENT_ORGANIZATION}
    OR (organization_id IS NULL AND user_id IN (
        SELECT m.user_id FROM user_organizations AS m WHERE m.organization_id = {CURRENT_ORGANIZATION}
    ))
);
CREATE POLICY audit_logs_append ON audit_logs FOR INSERT TO dinsight_auth
WITH CHECK (organization_id IS NOT DISTINCT FROM {CURRENT_ORGANIZATION});
CREATE POLICY audit_logs_owner ON audit_logs TO dinsight_auth_owner USING (true) WITH CHECK (true);
"""  # noqa: S608 - statements of this file alone


def upgrade() -> None:
    run(AUDIT_LOGS)
    run(PARTITIONS)
    run(RIGHTS)
