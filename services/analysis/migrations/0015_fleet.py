"""The fleet: the replica of alerts, and views of machines that stand on counter rows and are always current.

`shift_summary` has three shifts of eight hours, which begin at 06, 14 and 22 o'clock in the time zone of the
setting `app.time_zone` (UTC if it is not set). An hour belongs to the shift in which it begins, and the night
to the day on which it begins.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0015"
down_revision = "analysis_0014"

# No foreign key: an alert may arrive before its machine does.
ALERTS = """
CREATE TABLE alert_refs (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    machine_id UUID NOT NULL,
    rule_name VARCHAR(255) NOT NULL,
    status VARCHAR(50) NOT NULL,
    severity VARCHAR(20) NOT NULL,
    summary TEXT NOT NULL,
    count BIGINT NOT NULL,
    worst_ratio FLOAT,
    first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE NOT NULL,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    resolved_at TIMESTAMP WITH TIME ZONE,
    version BIGINT NOT NULL
);
CREATE INDEX alert_refs_open ON alert_refs (organization_id, machine_id) WHERE status <> 'resolved';
CREATE INDEX alert_refs_of_machine ON alert_refs (machine_id, first_seen_at DESC);
"""

VIEWS = """
CREATE VIEW fleet_health WITH (security_barrier, security_invoker) AS
SELECT m.organization_id, m.id AS machine_id, m.name, m.model, m.location, m.tags, m.status, m.legal_hold,
       coalesce(s.state, 'unknown') AS state, coalesce(s.reasons, '[]') AS reasons, s.wear, s.run_id,
       s.run_at, s.data_until, coalesce(a.open_alerts, 0) AS open_alerts,
       coalesce(a.unacknowledged, 0) AS unacknowledged_alerts, coalesce(a.severity, 0) AS severity_rank
FROM machine_refs m
LEFT JOIN machine_states s ON s.machine_id = m.id
LEFT JOIN (
    SELECT machine_id, count(*) AS open_alerts,
           count(*) FILTER (WHERE acknowledged_at IS NULL) AS unacknowledged,
           max(array_position(ARRAY['low', 'medium', 'high', 'critical'], severity::text)) AS severity
    FROM alert_refs WHERE status <> 'resolved' GROUP BY machine_id
) a ON a.machine_id = m.id
WHERE NOT m.deleted;
CREATE VIEW machine_summary WITH (security_barrier, security_invoker) AS
SELECT m.organization_id, m.id AS machine_id, m.name, coalesce(s.state, 'unknown') AS state, s.data_until,
       d.samples, d.low, d.medium, d.high, d.critical, d.acknowledged, d.max_ratio, d.first_day, d.last_day,
       (SELECT count(*) FROM run_summaries r WHERE r.machine_id = m.id) AS runs
FROM machine_refs m
LEFT JOIN machine_states s ON s.machine_id = m.id
LEFT JOIN LATERAL (
    SELECT coalesce(sum(samples), 0) AS samples, coalesce(sum(acknowledged), 0) AS acknowledged,
           coalesce(sum(samples) FILTER (WHERE severity = 'low'), 0) AS low,
           coalesce(sum(samples) FILTER (WHERE severity = 'medium'), 0) AS medium,
           coalesce(sum(samples) FILTER (WHERE severity = 'high'), 0) AS high,
           coalesce(sum(samples) FILTER (WHERE severity = 'critical'), 0) AS critical,
           max(max_ratio) AS max_ratio, min(day) AS first_day, max(day) AS last_day
    FROM machine_days WHERE machine_id = m.id
) d ON true
WHERE NOT m.deleted;
CREATE VIEW shift_summary WITH (security_barrier, security_invoker) AS
SELECT organization_id, machine_id, shift_start::date AS day,
       CASE extract(hour FROM shift_start) WHEN 6 THEN 'early' WHEN 14 THEN 'late' ELSE 'night' END AS shift,
       sum(samples) AS samples, coalesce(sum(samples) FILTER (WHERE severity <> 'normal'), 0) AS anomalies,
       sum(acknowledged) AS acknowledged, max(max_ratio) AS max_ratio
FROM (
    SELECT h.*, date_bin('8 hours', h.hour AT TIME ZONE z.name, timestamp '2000-01-01 06:00') AS shift_start
    FROM machine_hours h,
         (SELECT coalesce(nullif(current_setting('app.time_zone', true), ''), 'UTC') AS name) z
) h
GROUP BY organization_id, machine_id, shift_start;
"""


def upgrade() -> None:
    run(ALERTS)
    run(tenant_isolation("analysis", "alert_refs"))
    run(VIEWS)
