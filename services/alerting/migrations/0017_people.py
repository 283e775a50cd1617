"""How alerts reach people: contact points, rotations, silences, maintenance windows, opt-outs, links that
acknowledge, and deliveries that go in order per alert and target.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "alerting_0017"
down_revision = "alerting_0018"

TABLES = """
CREATE TABLE notification_resources (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    document JSONB NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX notification_resources_handle ON notification_resources (organization_id, kind, name)
    WHERE kind IN ('contact_point', 'rotation');
CREATE INDEX notification_resources_list
    ON notification_resources (organization_id, kind, created_at DESC, id DESC);
CREATE TABLE acknowledge_links (
    token_hash BYTEA PRIMARY KEY,
    organization_id UUID NOT NULL,
    alert_id UUID NOT NULL REFERENCES alerts(id) ON DELETE CASCADE,
    user_id UUID,
    recipient TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX acknowledge_links_alert ON acknowledge_links (alert_id);
CREATE INDEX acknowledge_links_organization ON acknowledge_links (organization_id);
CREATE TABLE delivery_targets (
    organization_id UUID NOT NULL,
    target_key TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    open_until TIMESTAMP WITH TIME ZONE,
    disabled_reason TEXT,
    noticed_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (organization_id, target_key)
);
ALTER TABLE deliveries ADD COLUMN lane_id UUID, ADD COLUMN target_key TEXT NOT NULL DEFAULT '',
    ADD COLUMN step INTEGER NOT NULL DEFAULT 0, ADD COLUMN group_key TEXT, ADD COLUMN grouped_into UUID;
CREATE INDEX deliveries_lane ON deliveries (lane_id) WHERE status = 'pending';
CREATE INDEX deliveries_group ON deliveries (organization_id, group_key)
    WHERE status = 'pending' AND group_key IS NOT NULL;
CREATE INDEX deliveries_grouped ON deliveries (grouped_into) WHERE grouped_into IS NOT NULL;
CREATE INDEX deliveries_list ON deliveries (organization_id, created_at DESC, id DESC, status);
CREATE INDEX deliveries_suppressed ON deliveries (organization_id, alert_id) WHERE status = 'suppressed';
ALTER TABLE organization_refs ADD COLUMN name TEXT;
"""

# A message of the version before has a lane of its own.
ADOPT = """
CREATE OR REPLACE FUNCTION adopt_deliveries() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = alerting, public, pg_temp AS $$
    WITH adopted AS (
        INSERT INTO jobs (id, queue, kind, organization_id, subject_id, args, size, run_at, attempts)
        SELECT DISTINCT ON (coalesce(d.lane_id, d.message_id)) coalesce(d.lane_id, d.message_id),
               'deliveries', 'message', d.organization_id, d.alert_id, '{}'::jsonb, 0, d.next_attempt_at, 0
        FROM deliveries d
        WHERE d.status = 'pending'
          AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = coalesce(d.lane_id, d.message_id))
        ORDER BY coalesce(d.lane_id, d.message_id), d.created_at DESC
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT count(*) FROM adopted;
$$;
"""


def upgrade() -> None:
    run(TABLES)
    run(ADOPT)
    for table in ("notification_resources", "acknowledge_links", "delivery_targets"):
        run(tenant_isolation("alerting", table))
