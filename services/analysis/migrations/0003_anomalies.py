"""Phase 3, anomaly detection: anomalies, partitioned by the month of their timestamp.

A partitioned table needs its partition key in the primary key, hence (id, timestamp). `sample_index`, `x` and
`y` are added: where in the file and on the map the anomaly is.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0003"
down_revision = "analysis_0002"

TABLE = """
CREATE TABLE anomalies (
    id UUID NOT NULL DEFAULT uuid_generate_v4(),
    analysis_id UUID NOT NULL REFERENCES analyses(id) ON DELETE CASCADE,
    machine_id UUID NOT NULL REFERENCES machine_refs(id),
    "timestamp" TIMESTAMP WITH TIME ZONE NOT NULL,
    severity VARCHAR(20) NOT NULL,
    distance FLOAT NOT NULL,
    threshold FLOAT NOT NULL,
    features JSONB NOT NULL,
    metadata JSONB,
    acknowledged BOOLEAN DEFAULT false,
    acknowledged_by UUID,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    sample_index INTEGER NOT NULL,
    x FLOAT NOT NULL,
    y FLOAT NOT NULL,
    PRIMARY KEY (id, "timestamp")
) PARTITION BY RANGE ("timestamp");
CREATE INDEX idx_anomalies_analysis ON anomalies(analysis_id);
CREATE INDEX idx_anomalies_machine ON anomalies(machine_id);
CREATE INDEX idx_anomalies_timestamp ON anomalies("timestamp" DESC);
CREATE INDEX idx_anomalies_severity ON anomalies(severity);
CREATE INDEX idx_anomalies_acknowledged ON anomalies(acknowledged);
"""

# Rights and policies of the partitioned table do not guard a partition that is named directly.
PARTITIONS = """
CREATE FUNCTION guard_anomaly_partition(part text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('REVOKE ALL ON %I FROM dinsight_analysis', part);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY %I ON %I TO dinsight_analysis_owner USING (true) WITH CHECK (true)',
                   part || '_owner', part);
END $$;
REVOKE ALL ON FUNCTION guard_anomaly_partition(text) FROM PUBLIC;
CREATE TABLE anomalies_default PARTITION OF anomalies DEFAULT;
SELECT guard_anomaly_partition('anomalies_default');
CREATE FUNCTION ensure_anomaly_partitions(first_day date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
DECLARE
    month timestamp;
    part text;
    lower_bound text;
    upper_bound text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('dinsight anomaly partitions'));
    FOR step IN 0 .. least(months, 120) - 1 LOOP
        month := date_trunc('month', first_day::timestamp) + make_interval(months => step);
        part := 'anomalies_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('analysis.' || part) IS NOT NULL;
        lower_bound := to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00';
        upper_bound := to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
        EXECUTE format('CREATE TABLE %I (LIKE anomalies INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
        PERFORM guard_anomaly_partition(part);
        EXECUTE format('WITH moved AS (DELETE FROM anomalies_default WHERE "timestamp" >= %L'
                       ' AND "timestamp" < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
                       lower_bound, upper_bound, part);
        EXECUTE format('ALTER TABLE anomalies ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       part, lower_bound, upper_bound);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION ensure_anomaly_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_anomaly_partitions(date, integer) TO dinsight_analysis;
SELECT ensure_anomaly_partitions(CURRENT_DATE, 3);
"""


def upgrade() -> None:
    run(TABLE)
    run(tenant_isolation("analysis", "anomalies"))
    run(PARTITIONS)
