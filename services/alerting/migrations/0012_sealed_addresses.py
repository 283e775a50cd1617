"""Addresses of webhooks can be sealed, and targets of deliveries be reduced to their host."""

from shared.postgres.ddl import SEALED_ANSWERS, run

revision = "alerting_0012"
down_revision = "alerting_0011"

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
CREATE FUNCTION shorten_targets(after uuid, wanted integer) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = alerting, public, pg_temp AS $$
    WITH part AS (
        SELECT d.id FROM deliveries d WHERE d.id > after ORDER BY d.id LIMIT wanted
    ), short AS (
        UPDATE deliveries d SET target = substring(d.target FROM '^[A-Za-z]+://[^/?]+')
        FROM part WHERE d.id = part.id AND d.target ~ '^[A-Za-z]+://[^/?]+[/?]'
    )
    SELECT id FROM part ORDER BY id DESC LIMIT 1;
$$;
REVOKE ALL ON FUNCTION shorten_targets(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shorten_targets(uuid, integer) TO dinsight_alerting;
"""


def upgrade() -> None:
    run(SEALED_ANSWERS)
    run(PLAIN_ADDRESSES)
