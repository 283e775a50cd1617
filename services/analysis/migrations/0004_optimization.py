"""Phase 4, optimization: hypertable where TimescaleDB is, materialized views, composite indexes.

The service reads and writes monitoring results through `monitor_series` everywhere, so that it runs alike on
plain PostgreSQL (where the table has row-level security) and on TimescaleDB, which refuses row security on
compressed hypertables: there the service has no right on the table, only on the view.
"""

from alembic import op

from shared.postgres.ddl import CURRENT_ORGANIZATION, run

revision = "analysis_0004"
down_revision = "analysis_0003"

INDEXES = """
CREATE INDEX analyses_page ON analyses (organization_id, created_at DESC, id DESC);
CREATE INDEX analyses_newest ON analyses (machine_id, analysis_type, status, completed_at DESC);
CREATE INDEX anomalies_page ON anomalies (organization_id, "timestamp" DESC, id DESC);
CREATE INDEX anomalies_of_machine ON anomalies (machine_id, "timestamp" DESC);
CREATE INDEX anomalies_of_analysis ON anomalies (analysis_id, sample_index);
"""

MONITOR_SERIES = f"""
CREATE VIEW monitor_series WITH (security_barrier) AS
SELECT * FROM monitor_data WHERE organization_id = {CURRENT_ORGANIZATION}
WITH LOCAL CHECK OPTION;
"""  # noqa: S608 - a constant

DAILY = f"""
CREATE MATERIALIZED VIEW anomaly_daily_all AS
SELECT organization_id, machine_id, ("timestamp" AT TIME ZONE 'UTC')::date AS day, severity,
       count(*) AS anomalies, max(distance / nullif(threshold, 0)) AS worst_ratio
FROM anomalies GROUP BY organization_id, machine_id, ("timestamp" AT TIME ZONE 'UTC')::date, severity;
CREATE UNIQUE INDEX anomaly_daily_all_key ON anomaly_daily_all (machine_id, day, severity, organization_id);
REVOKE ALL ON anomaly_daily_all FROM dinsight_analysis;
CREATE VIEW anomaly_daily WITH (security_barrier) AS
SELECT machine_id, day, severity, anomalies, worst_ratio FROM anomaly_daily_all
WHERE organization_id = {CURRENT_ORGANIZATION};
REVOKE ALL ON anomaly_daily FROM dinsight_analysis;
GRANT SELECT ON anomaly_daily TO dinsight_analysis;
CREATE FUNCTION refresh_anomaly_daily() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY anomaly_daily_all;
END $$;
REVOKE ALL ON FUNCTION refresh_anomaly_daily() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_anomaly_daily() TO dinsight_analysis;
"""  # noqa: S608 - a constant

HYPERTABLE = """
ALTER TABLE monitor_data NO FORCE ROW LEVEL SECURITY;
ALTER TABLE monitor_data DISABLE ROW LEVEL SECURITY;
DROP POLICY monitor_data_tenant ON monitor_data;
DROP POLICY monitor_data_owner ON monitor_data;
REVOKE ALL ON monitor_data FROM dinsight_analysis;
SELECT create_hypertable('monitor_data', 'created_at', chunk_time_interval => INTERVAL '1 month',
                         migrate_data => true);
"""

# The specification's retention: monitoring results older than six months are compressed.
COMPRESSION = """
ALTER TABLE monitor_data SET (timescaledb.compress,
                              timescaledb.compress_segmentby = 'organization_id, dinsight_id');
SELECT add_compression_policy('monitor_data', INTERVAL '6 months');
"""


def _ask(question: str) -> bool:
    return bool(op.get_bind().exec_driver_sql(question).scalar())


def upgrade() -> None:
    run(INDEXES)
    if _ask("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        run(HYPERTABLE)
        # The Apache-licensed build has hypertables but no compression.
        if _ask("SELECT coalesce(current_setting('timescaledb.license', true), '') = 'timescale'"):
            run(COMPRESSION)
    run(MONITOR_SERIES)
    run(DAILY)
