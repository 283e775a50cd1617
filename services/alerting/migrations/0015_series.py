"""What alerting keeps of each machine's samples, and what it remembers of each rule."""

from shared.postgres.ddl import run, tenant_isolation

revision = "alerting_0015"
down_revision = "alerting_0014"

# `queued` is set while a job judges the machine: the number of the record that it was made for.
TABLES = """
CREATE TABLE series_heads (
    machine_id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    last_number BIGINT NOT NULL,
    judged_number BIGINT NOT NULL,
    queued BIGINT
);
CREATE INDEX series_heads_organization ON series_heads (organization_id);
CREATE TABLE series (
    machine_id UUID NOT NULL,
    number BIGINT NOT NULL,
    organization_id UUID NOT NULL,
    analysis_id UUID NOT NULL,
    kind VARCHAR(50) NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    samples INTEGER NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (machine_id, number)
);
CREATE INDEX series_times ON series (machine_id, last_at);
CREATE INDEX series_organization ON series (organization_id, last_at);
CREATE INDEX series_analysis ON series (analysis_id);
CREATE TABLE rule_states (
    rule_id UUID PRIMARY KEY REFERENCES alert_rules(id) ON DELETE CASCADE,
    organization_id UUID NOT NULL,
    machine_id UUID NOT NULL,
    version BIGINT NOT NULL,
    state JSONB NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX rule_states_organization ON rule_states (organization_id);
CREATE INDEX rule_states_machine ON rule_states (machine_id);
"""

# The janitor thins out the records of all organizations; it learns here which, and whose they are.
OLD = """
CREATE FUNCTION old_records(before timestamptz, wanted integer)
RETURNS TABLE (organization_id uuid, machine_id uuid, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = alerting, public, pg_temp AS
$$
SELECT s.organization_id, s.machine_id, s.number FROM series s
WHERE s.kind = 'samples.scored' AND s.last_at < before LIMIT wanted
$$;
REVOKE EXECUTE ON FUNCTION old_records(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION old_records(timestamptz, integer) TO dinsight_alerting;
CREATE INDEX series_to_thin ON series (last_at) WHERE kind = 'samples.scored';
"""


def upgrade() -> None:
    run(TABLES)
    for table in ("series_heads", "series", "rule_states"):
        run(tenant_isolation("alerting", table))
    run(OLD)
