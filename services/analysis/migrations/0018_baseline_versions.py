"""Versions of baselines, a run's own settings of the verdict, levels for drift, and outcomes of alerts.

Which baseline is active is derived: the one that somebody chose, as long as it is completed, or else the
newest completed one, which is what it was before. So nothing has to be kept in step, and whatever is deleted,
archived or completed at once leaves exactly one active baseline, or none if none is completed. The row in
`machine_baselines` is the lock of a machine's versions. A trigger numbers them, also for programs of the
previous version; a number is never given again.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0018"
down_revision = "analysis_0017"

SETTINGS = """
ALTER TABLE config_data ADD COLUMN severity_bands FLOAT[] NOT NULL DEFAULT '{1.5,2,3}',
    ADD COLUMN deteriorating_fraction FLOAT NOT NULL DEFAULT 0.05,
    ADD COLUMN failing_fraction FLOAT NOT NULL DEFAULT 0.15,
    ADD COLUMN deteriorating_wear FLOAT NOT NULL DEFAULT 3,
    ADD COLUMN failing_wear FLOAT NOT NULL DEFAULT 6;
"""

TABLES = """
ALTER TABLE analyses ADD COLUMN baseline_version INTEGER;
CREATE TABLE machine_baselines (
    machine_id UUID PRIMARY KEY REFERENCES machine_refs(id) ON DELETE CASCADE,
    organization_id UUID NOT NULL,
    versions INTEGER NOT NULL DEFAULT 0,
    chosen_id UUID REFERENCES analyses(id) ON DELETE SET NULL,
    chosen_by UUID,
    chosen_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX machine_baselines_organization ON machine_baselines (organization_id);
CREATE INDEX machine_baselines_chosen ON machine_baselines (chosen_id);
ALTER TABLE run_summaries ADD COLUMN level_at TIMESTAMP WITH TIME ZONE[] NOT NULL DEFAULT '{}',
    ADD COLUMN level_samples INTEGER[] NOT NULL DEFAULT '{}',
    ADD COLUMN level_median FLOAT[] NOT NULL DEFAULT '{}',
    ADD COLUMN level_spread FLOAT[] NOT NULL DEFAULT '{}';
ALTER TABLE alert_refs ADD COLUMN outcome VARCHAR(50);
"""

NUMBERS = """
CREATE FUNCTION number_baseline() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
BEGIN
    INSERT INTO machine_baselines AS m (machine_id, organization_id, versions)
    VALUES (NEW.machine_id, NEW.organization_id, 1)
    ON CONFLICT (machine_id) DO UPDATE SET versions = m.versions + 1
    RETURNING versions INTO NEW.baseline_version;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION number_baseline() FROM PUBLIC;
CREATE TRIGGER analyses_baseline_version BEFORE INSERT OR UPDATE OF status ON analyses FOR EACH ROW
    WHEN (NEW.analysis_type = 'baseline' AND NEW.status = 'completed' AND NEW.baseline_version IS NULL)
    EXECUTE FUNCTION number_baseline();
WITH numbered AS (
    SELECT id, row_number() OVER (PARTITION BY machine_id ORDER BY completed_at, id) AS number
    FROM analyses WHERE analysis_type = 'baseline' AND status IN ('completed', 'archived')
)
UPDATE analyses a SET baseline_version = n.number FROM numbered n WHERE a.id = n.id;
CREATE INDEX analyses_versions ON analyses (machine_id, created_at DESC, id DESC)
    WHERE baseline_version IS NOT NULL;
INSERT INTO machine_baselines (machine_id, organization_id, versions)
SELECT machine_id, organization_id, max(baseline_version) FROM analyses
WHERE baseline_version IS NOT NULL GROUP BY machine_id, organization_id;
"""

# A run was normal if its health was ok, unless somebody called an alert during it true or maintenance; and if
# every alert during it was called false.
VIEWS = """
CREATE VIEW active_baselines WITH (security_barrier, security_invoker) AS
SELECT m.id AS machine_id, m.organization_id, coalesce(c.id, n.id) AS analysis_id,
       c.id IS NOT NULL AS by_hand, c.chosen_by AS activated_by,
       coalesce(c.chosen_at, n.completed_at) AS activated_at
FROM machine_refs m
LEFT JOIN LATERAL (
    SELECT a.id, b.chosen_by, b.chosen_at
    FROM machine_baselines b JOIN analyses a ON a.id = b.chosen_id AND a.status = 'completed'
    WHERE b.machine_id = m.id
) c ON true
LEFT JOIN LATERAL (
    SELECT a.id, a.completed_at FROM analyses a
    WHERE a.machine_id = m.id AND a.analysis_type = 'baseline' AND a.status = 'completed'
    ORDER BY a.completed_at DESC, a.id DESC LIMIT 1
) n ON c.id IS NULL
WHERE coalesce(c.id, n.id) IS NOT NULL;
CREATE VIEW normal_runs WITH (security_barrier, security_invoker) AS
SELECT r.analysis_id, r.machine_id, r.organization_id, r.samples, r.anomalies,
       CASE WHEN r.state = 'ok' THEN 'health_ok' ELSE 'false_alarms' END AS reason
FROM run_summaries r
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(a.outcome IN ('true_alarm', 'maintenance')), false) AS refuted,
           coalesce(bool_and(a.outcome IS NOT DISTINCT FROM 'false_alarm'), false) AS false_alarms
    FROM alert_refs a
    WHERE a.machine_id = r.machine_id AND a.first_seen_at <= r.last_at AND a.last_seen_at >= r.first_at
) said
WHERE r.samples > 0 AND (r.state = 'ok' AND NOT said.refuted OR said.false_alarms);
"""


def upgrade() -> None:
    run(SETTINGS)
    run(TABLES)
    run(tenant_isolation("analysis", "machine_baselines"))
    run(NUMBERS)
    run(VIEWS)
