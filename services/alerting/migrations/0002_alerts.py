"""Phase 3, anomaly detection: alert_rules and alerts of the specification, and the deliveries of alerts."""

from shared.postgres.ddl import run, tenant_isolation

revision = "alerting_0002"
down_revision = "alerting_0001"

# Users are members of an organization here, so a reference to one takes the organization along.
# alerts.anomaly_id has no foreign key: anomalies belong to the analysis service.
ALERTS = """
CREATE TABLE alert_rules (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    machine_id UUID NOT NULL REFERENCES machine_refs(id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    condition JSONB NOT NULL,
    actions JSONB NOT NULL,
    severity VARCHAR(20) NOT NULL,
    is_active BOOLEAN DEFAULT true,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT alert_rules_created_by_fkey
        FOREIGN KEY (organization_id, created_by) REFERENCES member_refs (organization_id, user_id)
);
CREATE INDEX idx_alert_rules_machine ON alert_rules(machine_id);
CREATE INDEX idx_alert_rules_active ON alert_rules(is_active);
CREATE INDEX alert_rules_page ON alert_rules (organization_id, created_at DESC, id DESC);
CREATE TABLE alerts (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    alert_rule_id UUID NOT NULL REFERENCES alert_rules(id),
    machine_id UUID NOT NULL REFERENCES machine_refs(id),
    anomaly_id UUID,
    status VARCHAR(50) NOT NULL DEFAULT 'active',
    data JSONB NOT NULL,
    acknowledged_by UUID,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    resolved_by UUID,
    resolved_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    severity VARCHAR(20) NOT NULL,
    dedupe_key TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT alerts_acknowledged_by_fkey
        FOREIGN KEY (organization_id, acknowledged_by) REFERENCES member_refs (organization_id, user_id),
    CONSTRAINT alerts_resolved_by_fkey
        FOREIGN KEY (organization_id, resolved_by) REFERENCES member_refs (organization_id, user_id)
) WITH (fillfactor = 70);
CREATE INDEX idx_alerts_rule ON alerts(alert_rule_id);
CREATE INDEX idx_alerts_machine ON alerts(machine_id);
CREATE INDEX idx_alerts_status ON alerts(status);
CREATE INDEX idx_alerts_created_at ON alerts(created_at DESC);
CREATE INDEX alerts_page ON alerts (organization_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX alerts_one_open ON alerts (organization_id, dedupe_key) WHERE status <> 'resolved';
CREATE TABLE deliveries (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    alert_id UUID NOT NULL REFERENCES alerts(id) ON DELETE CASCADE,
    message_id UUID NOT NULL,
    channel VARCHAR(100) NOT NULL,
    target TEXT NOT NULL,
    change VARCHAR(50) NOT NULL,
    message JSONB NOT NULL,
    attempt INTEGER NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_id UUID,
    leased_until TIMESTAMP WITH TIME ZONE,
    response_status INTEGER,
    latency_ms DOUBLE PRECISION,
    error TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    finished_at TIMESTAMP WITH TIME ZONE,
    UNIQUE (message_id, attempt)
);
CREATE INDEX deliveries_alert ON deliveries (alert_id, created_at);
CREATE INDEX deliveries_due ON deliveries (organization_id, next_attempt_at) WHERE status = 'pending';
"""

# The dispatcher serves all organizations. It learns here only that an attempt is due and whose it is; the
# rest it reads as that organization. An organization gets at most its share of places at once.
CLAIM = """
CREATE FUNCTION claim_deliveries(wanted integer, share integer, at timestamptz, lease interval)
RETURNS TABLE (delivery_id uuid, organization_id uuid, lease_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = alerting, public, pg_temp AS
$$
WITH busy AS (
    SELECT d.organization_id,
           count(*) FILTER (WHERE d.leased_until > at) AS leased,
           min(d.next_attempt_at) FILTER (WHERE coalesce(d.leased_until <= at, true)) AS due_at
    FROM deliveries d WHERE d.status = 'pending' GROUP BY d.organization_id
), due AS (
    SELECT picked.id FROM busy
    CROSS JOIN LATERAL (
        SELECT d.id FROM deliveries d
        WHERE d.organization_id = busy.organization_id AND d.status = 'pending' AND d.next_attempt_at <= at
          AND coalesce(d.leased_until <= at, true)
        ORDER BY d.next_attempt_at LIMIT greatest(0, share - busy.leased)
        FOR UPDATE SKIP LOCKED
    ) AS picked
    WHERE busy.due_at <= at
    ORDER BY busy.leased, busy.due_at LIMIT wanted
)
UPDATE deliveries d SET lease_id = gen_random_uuid(), leased_until = at + lease
FROM due WHERE d.id = due.id
RETURNING d.id, d.organization_id, d.lease_id
$$;
REVOKE EXECUTE ON FUNCTION claim_deliveries(integer, integer, timestamptz, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_deliveries(integer, integer, timestamptz, interval) TO dinsight_alerting;
"""


def upgrade() -> None:
    run(ALERTS)
    run(tenant_isolation("alerting", "alert_rules"))
    run(tenant_isolation("alerting", "alerts"))
    run(tenant_isolation("alerting", "deliveries"))
    run(CLAIM)
