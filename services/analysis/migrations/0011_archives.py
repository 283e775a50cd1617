"""Archives of analyses in the object store, and the organizations' own limits of retention.

An archived analysis stays listed with its results; its points, anomalies and features are in its archive, and
so is the map of a baseline. `map_id` is the map of the analysis; nothing can refer to an archived map.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0011"
down_revision = "analysis_0010"

TABLES = """
ALTER TABLE analyses ADD COLUMN archived_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN kept_until TIMESTAMP WITH TIME ZONE;
CREATE TABLE analysis_archives (
    analysis_id UUID PRIMARY KEY REFERENCES analyses(id) ON DELETE CASCADE,
    organization_id UUID NOT NULL,
    prefix VARCHAR(500) NOT NULL,
    manifest_sha256 VARCHAR(64) NOT NULL,
    bytes BIGINT NOT NULL,
    is_baseline BOOLEAN NOT NULL,
    map_id UUID,
    model_key VARCHAR(500),
    archived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expired_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX analysis_archives_organization ON analysis_archives (organization_id, archived_at);
CREATE INDEX analysis_archives_map ON analysis_archives (map_id);
CREATE TABLE organization_refs (
    organization_id UUID PRIMARY KEY,
    retention JSONB NOT NULL,
    version BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL DEFAULT false,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL
);
"""

# The sweep of orphaned objects keeps archives, and the models of archived baselines.
KNOWN = """
CREATE OR REPLACE FUNCTION known_objects(upload_ids uuid[], model_keys text[])
RETURNS TABLE (known text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
    SELECT id::text FROM file_uploads WHERE id = ANY (upload_ids) AND file_path IS NOT NULL
    UNION ALL SELECT model_key FROM dinsight_data WHERE model_key = ANY (model_keys)
    UNION ALL
    SELECT model_key FROM analysis_archives WHERE model_key = ANY (model_keys) AND expired_at IS NULL;
$$;
CREATE FUNCTION known_archives(prefixes text[]) RETURNS TABLE (known text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
    SELECT prefix FROM analysis_archives WHERE prefix = ANY (prefixes) AND expired_at IS NULL;
$$;
REVOKE ALL ON FUNCTION known_archives(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION known_archives(text[]) TO dinsight_analysis;
CREATE INDEX analysis_archives_prefix ON analysis_archives (prefix);
"""


def upgrade() -> None:
    run(TABLES)
    run(KNOWN)
    for table in ("analysis_archives", "organization_refs"):
        run(tenant_isolation("analysis", table))
