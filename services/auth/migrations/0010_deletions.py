"""Certificates of deletions, and what deleting organizations and accounts needs.

Deleted organizations and users stay as tombstones without names and addresses, because the audit trail refers
to them. `mail.about` is the user or organization that a message is about, or null for messages from before.
"""

from shared.postgres.ddl import CURRENT_ORGANIZATION, CURRENT_USER, run, tenant_isolation

revision = "auth_0010"
down_revision = "auth_0009"

TABLES = """
CREATE TABLE deletions (
    id UUID PRIMARY KEY,
    kind VARCHAR(20) NOT NULL,
    subject_id UUID NOT NULL,
    part_ids UUID[] NOT NULL DEFAULT '{}',
    organization_id UUID,
    requested_by UUID NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    backups_expire_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reports JSONB NOT NULL DEFAULT '{}',
    completed_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX deletions_organization ON deletions (organization_id);
CREATE INDEX deletions_page ON deletions (requested_by, requested_at DESC, id DESC);
ALTER TABLE users ADD COLUMN deleted_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE organizations ADD COLUMN deleted_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE mail ADD COLUMN about UUID;
CREATE INDEX mail_about ON mail (about);
"""

# Whoever asked sees the certificate, in whichever organization they act, also when theirs is gone.
OWN = f"organization_id IS NOT DISTINCT FROM {CURRENT_ORGANIZATION} OR requested_by = {CURRENT_USER}"

# The trail is append-only for the service, and keeps what happened: this takes out what identifies a person.
# Actions narrow the search for entries about the person that others made.
FUNCTIONS = """
CREATE FUNCTION anonymise_trail(p_user uuid, p_limit integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = auth, pg_temp AS $$
    WITH person AS (SELECT email FROM users WHERE id = p_user),
    found AS (
        (SELECT id, created_at FROM audit_logs
         WHERE user_id = p_user AND (
             ip_address IS NOT NULL OR user_agent IS NOT NULL
             OR (changes IS NOT NULL AND resource_type = 'user'))
         LIMIT p_limit)
        UNION
        (SELECT a.id, a.created_at FROM audit_logs a, person
         WHERE a.action IN ('invitation.sent', 'invitation.withdrawn', 'member.joined', 'member.removed',
                            'member.role_changed')
           AND a.changes IS NOT NULL
           AND ((a.resource_type = 'user' AND a.resource_id = p_user)
                OR strpos(a.changes::text, to_json(person.email)::text) > 0)
         LIMIT p_limit)
    ), anonymised AS (
        UPDATE audit_logs a SET
            ip_address = CASE WHEN a.user_id = p_user THEN NULL ELSE a.ip_address END,
            user_agent = CASE WHEN a.user_id = p_user THEN NULL ELSE a.user_agent END,
            changes = CASE WHEN a.resource_type IN ('user', 'invitation') THEN NULL ELSE a.changes END
        FROM found WHERE a.id = found.id AND a.created_at = found.created_at RETURNING 1
    )
    SELECT count(*) FROM anonymised;
$$;
CREATE FUNCTION delete_invitations_to(p_user uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = auth, pg_temp AS $$
    WITH gone AS (
        DELETE FROM invitations i USING users u WHERE u.id = p_user AND i.email = u.email RETURNING 1
    )
    SELECT count(*) FROM gone;
$$;
REVOKE ALL ON FUNCTION anonymise_trail(uuid, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION delete_invitations_to(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION anonymise_trail(uuid, integer) TO dinsight_auth;
GRANT EXECUTE ON FUNCTION delete_invitations_to(uuid) TO dinsight_auth;
"""


def upgrade() -> None:
    run(TABLES)
    run(FUNCTIONS)
    run(tenant_isolation("auth", "deletions", OWN))
