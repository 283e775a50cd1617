"""Counter rows instead of a materialized view: what runs found, per hour and severity, and sums per machine.

The transaction that ends a run writes `run_summaries` (facts and the downsampled series) and `run_hours`.
Triggers derive the rest from these rows, each time anew for the hours and machines that changed:
`machine_hours`, `machine_days` and `machine_states`. So a repeated, deleted or acknowledged run needs no code
of its own, and the sums are current when the transaction commits. The row in `machine_states` is the lock of
a machine's sums.

Runs that were completed before, or by an older program beside this one, have no summary; the janitor writes
it. Here, only their anomalies are counted, so that the daily counts stay complete.
"""

from alembic import op

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0014"
down_revision = "analysis_0013"

TABLES = """
ALTER TABLE analyses ADD COLUMN summarized BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX analyses_unsummarized ON analyses (id)
    WHERE analysis_type = 'monitoring' AND status = 'completed' AND NOT summarized;
CREATE INDEX analyses_of_machine ON analyses (machine_id, created_at DESC, id DESC);
CREATE INDEX analyses_in_progress ON analyses (machine_id) WHERE status IN ('pending', 'processing');
CREATE TABLE run_summaries (
    analysis_id UUID PRIMARY KEY REFERENCES analyses(id) ON DELETE CASCADE,
    organization_id UUID NOT NULL,
    machine_id UUID NOT NULL REFERENCES machine_refs(id),
    completed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    samples BIGINT NOT NULL,
    anomalies BIGINT NOT NULL,
    max_ratio FLOAT,
    state VARCHAR(50) NOT NULL,
    reasons JSONB NOT NULL DEFAULT '[]',
    wear FLOAT,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    data_until TIMESTAMP WITH TIME ZONE NOT NULL,
    bucket_at TIMESTAMP WITH TIME ZONE[] NOT NULL DEFAULT '{}',
    bucket_samples INTEGER[] NOT NULL DEFAULT '{}',
    bucket_anomalies INTEGER[] NOT NULL DEFAULT '{}',
    bucket_min FLOAT[] NOT NULL DEFAULT '{}',
    bucket_max FLOAT[] NOT NULL DEFAULT '{}',
    bucket_mean FLOAT[] NOT NULL DEFAULT '{}'
);
CREATE INDEX run_summaries_organization ON run_summaries (organization_id);
CREATE INDEX run_summaries_newest ON run_summaries (machine_id, completed_at DESC, analysis_id DESC);
CREATE INDEX run_summaries_last_at ON run_summaries (machine_id, last_at DESC);
CREATE INDEX run_summaries_data_until ON run_summaries (machine_id, data_until DESC);
CREATE TABLE run_hours (
    analysis_id UUID NOT NULL REFERENCES analyses(id) ON DELETE CASCADE,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    severity VARCHAR(20) NOT NULL,
    organization_id UUID NOT NULL,
    machine_id UUID NOT NULL REFERENCES machine_refs(id),
    samples BIGINT NOT NULL,
    acknowledged BIGINT NOT NULL DEFAULT 0,
    min_ratio FLOAT,
    max_ratio FLOAT,
    sum_ratio FLOAT,
    PRIMARY KEY (analysis_id, hour, severity)
);
CREATE INDEX run_hours_organization ON run_hours (organization_id);
CREATE INDEX run_hours_machine ON run_hours (machine_id, hour);
CREATE TABLE machine_hours (
    machine_id UUID NOT NULL REFERENCES machine_refs(id),
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    severity VARCHAR(20) NOT NULL,
    organization_id UUID NOT NULL,
    samples BIGINT NOT NULL,
    acknowledged BIGINT NOT NULL,
    min_ratio FLOAT,
    max_ratio FLOAT,
    sum_ratio FLOAT,
    PRIMARY KEY (machine_id, hour, severity)
);
CREATE INDEX machine_hours_organization ON machine_hours (organization_id);
CREATE TABLE machine_days (
    machine_id UUID NOT NULL REFERENCES machine_refs(id),
    day DATE NOT NULL,
    severity VARCHAR(20) NOT NULL,
    organization_id UUID NOT NULL,
    samples BIGINT NOT NULL,
    acknowledged BIGINT NOT NULL,
    min_ratio FLOAT,
    max_ratio FLOAT,
    sum_ratio FLOAT,
    PRIMARY KEY (machine_id, day, severity)
);
CREATE INDEX machine_days_page ON machine_days (organization_id, day DESC, machine_id, severity);
CREATE TABLE machine_states (
    machine_id UUID PRIMARY KEY REFERENCES machine_refs(id),
    organization_id UUID NOT NULL,
    run_id UUID,
    run_at TIMESTAMP WITH TIME ZONE,
    state VARCHAR(50) NOT NULL DEFAULT 'unknown',
    reasons JSONB NOT NULL DEFAULT '[]',
    wear FLOAT,
    data_until TIMESTAMP WITH TIME ZONE
);
CREATE INDEX machine_states_organization ON machine_states (organization_id);
"""
TENANT_TABLES = ("run_summaries", "run_hours", "machine_hours", "machine_days", "machine_states")

# Rows are locked in one order, the counts of runs before the machine's state, so nothing deadlocks.
HOLD = """
    IF NOT EXISTS (SELECT FROM changed) THEN
        RETURN NULL;
    END IF;
    INSERT INTO machine_states (machine_id, organization_id)
    SELECT DISTINCT machine_id, organization_id FROM changed ORDER BY machine_id ON CONFLICT DO NOTHING;
    PERFORM FROM machine_states WHERE machine_id IN (SELECT machine_id FROM changed) ORDER BY machine_id
    FOR UPDATE;
"""
# Each statement sees what was committed before it got the lock.
TRIGGERS = f"""
CREATE FUNCTION recount_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
BEGIN
{HOLD}
    IF TG_OP = 'DELETE' THEN
        DELETE FROM machine_hours h USING (SELECT DISTINCT machine_id, hour FROM changed) c
        WHERE h.machine_id = c.machine_id AND h.hour = c.hour;
        DELETE FROM machine_days d
        USING (SELECT DISTINCT machine_id, (hour AT TIME ZONE 'UTC')::date AS day FROM changed) c
        WHERE d.machine_id = c.machine_id AND d.day = c.day;
    END IF;
    INSERT INTO machine_hours AS m (machine_id, hour, severity, organization_id, samples, acknowledged,
                                    min_ratio, max_ratio, sum_ratio)
    SELECT r.machine_id, r.hour, r.severity, r.organization_id, sum(r.samples), sum(r.acknowledged),
           min(r.min_ratio), max(r.max_ratio), sum(r.sum_ratio)
    FROM (SELECT DISTINCT machine_id, hour FROM changed) c
    JOIN run_hours r ON r.machine_id = c.machine_id AND r.hour = c.hour
    GROUP BY r.machine_id, r.hour, r.severity, r.organization_id
    ON CONFLICT (machine_id, hour, severity) DO UPDATE
    SET samples = excluded.samples, acknowledged = excluded.acknowledged, min_ratio = excluded.min_ratio,
        max_ratio = excluded.max_ratio, sum_ratio = excluded.sum_ratio;
    INSERT INTO machine_days AS m (machine_id, day, severity, organization_id, samples, acknowledged,
                                   min_ratio, max_ratio, sum_ratio)
    SELECT h.machine_id, c.day, h.severity, h.organization_id, sum(h.samples), sum(h.acknowledged),
           min(h.min_ratio), max(h.max_ratio), sum(h.sum_ratio)
    FROM (SELECT DISTINCT machine_id, (hour AT TIME ZONE 'UTC')::date AS day FROM changed) c
    JOIN machine_hours h ON h.machine_id = c.machine_id
        AND h.hour >= c.day::timestamp AT TIME ZONE 'UTC'
        AND h.hour < (c.day + 1)::timestamp AT TIME ZONE 'UTC'
    GROUP BY h.machine_id, c.day, h.severity, h.organization_id
    ON CONFLICT (machine_id, day, severity) DO UPDATE
    SET samples = excluded.samples, acknowledged = excluded.acknowledged, min_ratio = excluded.min_ratio,
        max_ratio = excluded.max_ratio, sum_ratio = excluded.sum_ratio;
    RETURN NULL;
END $$;
CREATE FUNCTION restate_machines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
BEGIN
{HOLD}
    UPDATE machine_states s
    SET run_id = n.analysis_id, run_at = n.completed_at, state = coalesce(n.state, 'unknown'),
        reasons = coalesce(n.reasons, '[]'), wear = n.wear,
        data_until = (SELECT r.data_until FROM run_summaries r WHERE r.machine_id = c.machine_id
                      ORDER BY r.data_until DESC LIMIT 1)
    FROM (SELECT DISTINCT machine_id FROM changed) c
    LEFT JOIN LATERAL (
        SELECT * FROM run_summaries r WHERE r.machine_id = c.machine_id
        ORDER BY r.completed_at DESC, r.analysis_id DESC LIMIT 1
    ) n ON true
    WHERE s.machine_id = c.machine_id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION recount_hours() FROM PUBLIC;
REVOKE ALL ON FUNCTION restate_machines() FROM PUBLIC;
CREATE TRIGGER run_hours_inserted AFTER INSERT ON run_hours
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION recount_hours();
CREATE TRIGGER run_hours_updated AFTER UPDATE ON run_hours
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION recount_hours();
CREATE TRIGGER run_hours_deleted AFTER DELETE ON run_hours
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION recount_hours();
CREATE TRIGGER run_summaries_inserted AFTER INSERT ON run_summaries
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION restate_machines();
CREATE TRIGGER run_summaries_deleted AFTER DELETE ON run_summaries
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION restate_machines();
CREATE FUNCTION unsummarized_runs(most integer) RETURNS TABLE (analysis_id uuid, organization uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
    SELECT a.id, a.organization_id FROM analyses a
    WHERE a.analysis_type = 'monitoring' AND a.status = 'completed' AND NOT a.summarized
    ORDER BY a.id LIMIT most;
$$;
REVOKE ALL ON FUNCTION unsummarized_runs(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unsummarized_runs(integer) TO dinsight_analysis;
"""  # noqa: S608 - a constant

# The version that still runs beside this one refreshes each minute; there is nothing to refresh any more.
DAILY = """
DROP VIEW anomaly_daily;
DROP MATERIALIZED VIEW anomaly_daily_all;
CREATE OR REPLACE FUNCTION refresh_anomaly_daily() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$ SELECT $$;
CREATE VIEW anomaly_daily WITH (security_barrier, security_invoker) AS
SELECT machine_id, day, severity, samples AS anomalies, max_ratio AS worst_ratio, acknowledged,
       organization_id
FROM machine_days WHERE severity <> 'normal';
"""

MACHINES = "SELECT DISTINCT machine_id FROM anomalies"
# One machine at a time: its hours are recounted once, and no statement is large.
COUNT = """
INSERT INTO run_hours (analysis_id, hour, severity, organization_id, machine_id, samples, acknowledged,
                       min_ratio, max_ratio, sum_ratio)
SELECT analysis_id, date_trunc('hour', "timestamp", 'UTC'), severity, organization_id, machine_id, count(*),
       count(*) FILTER (WHERE acknowledged), min(distance / nullif(threshold, 0)),
       max(distance / nullif(threshold, 0)), sum(distance / nullif(threshold, 0))
FROM anomalies WHERE machine_id = $1 AND isfinite("timestamp") GROUP BY 1, 2, 3, 4, 5
"""


def upgrade() -> None:
    run(TABLES)
    run(TRIGGERS)
    for machine_id in op.get_bind().exec_driver_sql(MACHINES).scalars().all():
        op.get_bind().exec_driver_sql(COUNT, (machine_id,))
    for table in TENANT_TABLES:
        run(tenant_isolation("analysis", table))
    run(DAILY)
