"""Addresses of webhooks can be sealed, and targets of deliveries be reduced to their host."""

from alembic import op

from shared.postgres.ddl import SEALED_ANSWERS, run

revision = "alerting_0010"
down_revision = "alerting_0005"

# The service seals what it finds here, organization by organization: keys never reach the database.
PLAIN_ADDRESSES = """
CREATE FUNCTION rules_with_plain_addresses(wanted integer) RETURNS TABLE (organization_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = alerting, public, pg_temp AS $$
    SELECT r.organization_id, r.id FROM alert_rules r
    WHERE seals() AND EXISTS (
        SELECT FROM jsonb_each(coalesce(r.actions -> 'webhooks', '{}')) AS hook
        WHERE NOT hook.value ? 'sealed_url'
    )
    LIMIT wanted;
$$;
REVOKE ALL ON FUNCTION rules_with_plain_addresses(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rules_with_plain_addresses(integer) TO dinsight_alerting;
CREATE FUNCTION shorten_targets(wanted integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = alerting, public, pg_temp AS $$
    WITH long AS (
        SELECT d.id FROM deliveries d WHERE seals() AND d.target ~ '^[a-z]+://[^/?]+[/?]'
        LIMIT wanted FOR UPDATE SKIP LOCKED
    ), short AS (
        UPDATE deliveries d SET target = substring(d.target FROM '^[a-z]+://[^/?]+')
        FROM long WHERE d.id = long.id RETURNING d.id
    )
    SELECT count(*) FROM short;
$$;
REVOKE ALL ON FUNCTION shorten_targets(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shorten_targets(integer) TO dinsight_alerting;
"""

# Deliveries are many: while the index is built, writers are not stopped.
LONG_TARGETS = """
DROP INDEX CONCURRENTLY IF EXISTS deliveries_long_target;
CREATE INDEX CONCURRENTLY deliveries_long_target ON deliveries (id) WHERE target ~ '^[a-z]+://[^/?]+[/?]';
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        run(LONG_TARGETS)
    run(SEALED_ANSWERS)
    run(PLAIN_ADDRESSES)
