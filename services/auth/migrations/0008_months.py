"""Months of the audit trail are made when their first entry comes: there is no default partition.

The entries of the default partition move to their months in batches, beside the running services. Interrupted
anywhere, the migration continues when it is run again.
"""

from alembic import op

from shared.postgres.ddl import month_partitions, run
from shared.postgres.moving import DefaultPartition, move_default_partition
from shared.postgres.online import create_index, insist_on_all, make_coming_months
from shared.postgres.references import Reference, references

revision = "auth_0008"
down_revision = "auth_0007"

# The previous version, which may still run, asks every hour for this month and the next three.
ASKED_AHEAD = """
CREATE OR REPLACE FUNCTION ensure_audit_log_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = auth, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month date;
    made integer := 0;
BEGIN
    FOR step IN 0 .. least(months_ahead, 3) LOOP
        month := date_trunc('month', now()) + make_interval(months => step);
        CONTINUE WHEN month > now() + interval '2 months';
        BEGIN
            made := made + make_month_partition('audit_logs', month)::integer;
        EXCEPTION WHEN check_violation THEN
            -- The default partition, while there is one, has entries of this month, which are being moved.
            NULL;
        END;
    END LOOP;
    RETURN made;
END $$;
"""
# An entry of a time that cannot be counts from now; what it said stays in `changes`.
AUDIT_LOGS = DefaultPartition(
    service="auth",
    table="audit_logs",
    key="created_at",
    known_at="now()",
    settle="""changes = coalesce(changes, '{}') || jsonb_build_object('stated_time', created_at::text),
              created_at = now()""",
)
REFERENCES = {"user_id": Reference("users"), "organization_id": Reference("organizations")}


def upgrade() -> None:
    run(month_partitions("auth"))
    run(ASKED_AHEAD)
    with op.get_context().autocommit_block():
        insist_on_all(references("auth", "audit_logs", REFERENCES))
        create_index("invitations_invited_by", "invitations (invited_by)")
        move_default_partition(AUDIT_LOGS)
        make_coming_months("audit_logs")
