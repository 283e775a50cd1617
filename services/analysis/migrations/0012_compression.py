"""Compressed monitoring results and features, and daily counts of monitoring runs, on both engines.

On TimescaleDB the columnstore keeps a run's chunks together, and a continuous aggregate counts. Elsewhere
`dinsight maintenance` moves old rows of `monitor_data` to `monitor_packed`. It packs old features on both.
"""

from alembic import op

from shared.postgres.ddl import CURRENT_ORGANIZATION, run, tenant_isolation
from shared.postgres.online import ask, create_index, insist

revision = "analysis_0012"
down_revision = "analysis_0011"

# Already compressed.
PACKED = """
ALTER TABLE feature_data ADD COLUMN IF NOT EXISTS packed BYTEA, ALTER COLUMN packed SET STORAGE EXTERNAL
"""
MONTHS = """
SELECT coalesce(string_agg(c.relname, ' '), '') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'monitor_data'::regclass
  AND EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = i.inhparent)
"""

TABLES = """
CREATE TABLE monitor_packed (
    id UUID NOT NULL,
    dinsight_id UUID NOT NULL REFERENCES dinsight_data(id) ON DELETE CASCADE,
    analysis_id UUID NOT NULL REFERENCES analyses(id) ON DELETE CASCADE,
    process_order INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    organization_id UUID NOT NULL,
    first_sample INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    anomalies INTEGER NOT NULL,
    highest_distance FLOAT NOT NULL,
    packed BYTEA NOT NULL,
    PRIMARY KEY (analysis_id, process_order)
);
ALTER TABLE monitor_packed ALTER COLUMN packed SET STORAGE EXTERNAL;
CREATE INDEX monitor_packed_dinsight ON monitor_packed (dinsight_id);
CREATE INDEX monitor_packed_organization ON monitor_packed (organization_id);
CREATE INDEX monitor_packed_created_at ON monitor_packed (created_at);
CREATE FUNCTION highest(numbers double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(number) FROM unnest(numbers) AS number
$$;
REVOKE ALL ON FUNCTION highest(double precision[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION highest(double precision[]) TO dinsight_analysis;
"""

COUNTED = """organization_id, dinsight_id, analysis_id,
       coalesce(sum(samples), 0)::bigint AS samples,
       coalesce(sum(cardinality(array_positions(anomaly_values, true))), 0)::bigint AS anomalies,
       max(highest(monitor_values)) AS highest_distance"""

# A batch of the columnstore holds up to 1,000 rows of one segment, and a run may have one row. In this order,
# the rows of a run are found without looking at the others.
COLUMNSTORE = """
ALTER TABLE monitor_data SET (timescaledb.compress,
                              timescaledb.compress_segmentby = 'organization_id, dinsight_id',
                              timescaledb.compress_orderby = 'analysis_id, process_order');
"""

HYPERTABLE = """
SELECT count(*) FROM timescaledb_information.hypertables
WHERE hypertable_schema = current_schema() AND hypertable_name = 'monitor_data'
"""

# Rows of any age may be deleted or restored, so the whole time is refreshed where something has changed.
AGGREGATE = f"""
CREATE MATERIALIZED VIEW monitor_daily_all
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 day', created_at) AS day, {COUNTED}
FROM monitor_data GROUP BY 1, organization_id, dinsight_id, analysis_id
WITH NO DATA;
SELECT add_continuous_aggregate_policy('monitor_daily_all', start_offset => NULL,
                                       end_offset => INTERVAL '1 hour',
                                       schedule_interval => INTERVAL '1 hour');
"""  # noqa: S608 - a constant

COUNTED_ON_DEMAND = f"""
CREATE VIEW monitor_daily_all AS
SELECT date_bin(INTERVAL '1 day', created_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS day, {COUNTED}
FROM monitor_data GROUP BY 1, organization_id, dinsight_id, analysis_id
UNION ALL
SELECT date_bin(INTERVAL '1 day', created_at, TIMESTAMPTZ '2000-01-01 00:00:00+00'),
       organization_id, dinsight_id, analysis_id,
       sum(samples)::bigint, sum(anomalies)::bigint, max(highest_distance)
FROM monitor_packed GROUP BY 1, organization_id, dinsight_id, analysis_id;
"""  # noqa: S608 - a constant

# A deleted analysis is gone at once, whenever the aggregate is refreshed.
DAILY = f"""
REVOKE ALL ON monitor_daily_all FROM dinsight_analysis;
CREATE VIEW monitor_daily WITH (security_barrier) AS
SELECT (d.day AT TIME ZONE 'UTC')::date AS day, a.machine_id, d.dinsight_id, d.analysis_id,
       sum(d.samples)::bigint AS samples, sum(d.anomalies)::bigint AS anomalies,
       max(d.highest_distance) AS highest_distance
FROM monitor_daily_all d JOIN analyses a ON a.id = d.analysis_id AND a.organization_id = d.organization_id
WHERE d.organization_id = {CURRENT_ORGANIZATION}
GROUP BY 1, a.machine_id, d.dinsight_id, d.analysis_id;
REVOKE ALL ON monitor_daily FROM dinsight_analysis;
GRANT SELECT ON monitor_daily TO dinsight_analysis;
"""  # noqa: S608 - a constant


def upgrade() -> None:
    with op.get_context().autocommit_block():
        insist(PACKED)
        create_index("feature_data_unpacked", "feature_data (created_at, id) WHERE packed IS NULL")
        # Of a partitioned table, indexes of all partitions become one at once. TimescaleDB has made it.
        for month in ask(MONTHS).split():
            create_index(f"{month}_created_at_idx", f"{month} (created_at DESC)")
        insist("CREATE INDEX IF NOT EXISTS monitor_data_created_at_idx ON monitor_data (created_at DESC)")
    run(TABLES)
    run(tenant_isolation("analysis", "monitor_packed"))
    if _has_columnstore():
        run(COLUMNSTORE)
        run(AGGREGATE)
    else:
        run(COUNTED_ON_DEMAND)
    run(DAILY)


def _has_columnstore() -> bool:
    """The Apache-licensed build has hypertables, but neither a columnstore nor continuous aggregates.

    Where the extension came after the table, the table is none of its hypertables.
    """
    licensed = ask("SELECT coalesce(current_setting('timescaledb.license', true), '')") == "timescale"
    if not licensed or ask("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == "0":
        return False
    return ask(HYPERTABLE) == "1"
