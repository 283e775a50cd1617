"""Phase 2, machine management: the machines' replica, and analyses that link uploads to machines.

`machine_refs` stands in for the machines table, which another service owns. A deleted machine stays as a
tombstone with its version, so that a late event cannot bring it back.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0002"
down_revision = "analysis_0001"

TABLES = """
CREATE TABLE machine_refs (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    name VARCHAR(255) NOT NULL,
    status VARCHAR(50) NOT NULL,
    version BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL DEFAULT false,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX machine_refs_organization ON machine_refs (organization_id);
CREATE TABLE analyses (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    machine_id UUID NOT NULL REFERENCES machine_refs(id) ON DELETE CASCADE,
    file_upload_id UUID NOT NULL REFERENCES file_uploads(id),
    dinsight_id UUID REFERENCES dinsight_data(id),
    analysis_type VARCHAR(50) NOT NULL,
    status VARCHAR(50) NOT NULL DEFAULT 'pending',
    results JSONB,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMP WITH TIME ZONE,
    organization_id UUID NOT NULL,
    config_id INTEGER REFERENCES config_data(id),
    baseline_id UUID REFERENCES analyses(id),
    progress FLOAT NOT NULL DEFAULT 0,
    stage VARCHAR(50),
    error JSONB,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_token UUID,
    lease_until TIMESTAMP WITH TIME ZONE,
    requeued_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX idx_analyses_machine ON analyses(machine_id);
CREATE INDEX idx_analyses_status ON analyses(status);
CREATE INDEX idx_analyses_created_at ON analyses(created_at DESC);
CREATE INDEX analyses_file_upload ON analyses (file_upload_id);
CREATE INDEX analyses_dinsight ON analyses (dinsight_id);
ALTER TABLE monitor_data ADD COLUMN analysis_id UUID REFERENCES analyses(id) ON DELETE CASCADE;
ALTER TABLE monitor_data ADD CONSTRAINT monitor_data_chunk UNIQUE (analysis_id, process_order, created_at);
"""

# Jobs that look across organizations learn no more than which analysis of which organization to look at.
JOBS = """
CREATE FUNCTION stalled_analyses(patience interval, most integer)
RETURNS TABLE (analysis_id uuid, organization uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
    SELECT a.id, a.organization_id FROM analyses a
    WHERE (a.status = 'processing' AND a.lease_until < clock_timestamp())
       OR (a.status = 'pending' AND coalesce(a.requeued_at, a.created_at) < clock_timestamp() - patience)
    ORDER BY a.created_at LIMIT most;
$$;
CREATE FUNCTION pending_analyses() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
    SELECT count(*) FROM analyses WHERE status = 'pending';
$$;
CREATE FUNCTION known_objects(upload_ids uuid[], model_keys text[])
RETURNS TABLE (known text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
    SELECT id::text FROM file_uploads WHERE id = ANY (upload_ids)
    UNION ALL SELECT model_key FROM dinsight_data WHERE model_key = ANY (model_keys);
$$;
REVOKE ALL ON FUNCTION stalled_analyses(interval, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION pending_analyses() FROM PUBLIC;
REVOKE ALL ON FUNCTION known_objects(uuid[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stalled_analyses(interval, integer) TO dinsight_analysis;
GRANT EXECUTE ON FUNCTION pending_analyses() TO dinsight_analysis;
GRANT EXECUTE ON FUNCTION known_objects(uuid[], text[]) TO dinsight_analysis;
"""


def upgrade() -> None:
    run(TABLES)
    run(JOBS)
    for table in ("machine_refs", "analyses"):
        run(tenant_isolation("analysis", table))
