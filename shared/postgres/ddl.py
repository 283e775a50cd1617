"""SQL that the migrations of several services share."""

from collections.abc import Iterator

from alembic import op

MESSAGING = """
CREATE TABLE outbox (
    seq bigserial PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key text,
    value bytea,
    headers jsonb NOT NULL,
    keep_latest boolean NOT NULL,
    transient boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    partition integer,
    position bigint,
    refused text
);
CREATE INDEX outbox_waiting ON outbox (seq) WHERE published_at IS NULL AND refused IS NULL;
CREATE INDEX outbox_published ON outbox (topic, key, seq) WHERE published_at IS NOT NULL;
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify(TG_TABLE_SCHEMA || '_outbox', ''); RETURN NULL; END $$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
CREATE TABLE inbox (
    event_id uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX inbox_received_at ON inbox (received_at);
CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    status integer,
    headers jsonb,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, key)
);
"""

DROP_OUTBOX_POSITIONS = "ALTER TABLE outbox DROP COLUMN partition, DROP COLUMN position;"
# Added after the first release: the digest of the request body, and the permissions that it required.
KEPT_ANSWERS = "ALTER TABLE idempotency_keys ADD COLUMN body_digest text, ADD COLUMN rights jsonb;"
# Sealed values are written once no older version runs, which could not read them.
SEALED_ANSWERS = """
ALTER TABLE idempotency_keys ADD COLUMN sealed_body text;
CREATE FUNCTION seals() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;
"""
# The ids in a sealed body, by which a deletion finds it.
SEALED_IDS = "ALTER TABLE idempotency_keys ADD COLUMN sealed_ids text[];"
SEALS = "CREATE OR REPLACE FUNCTION seals() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT true $$;"

CURRENT_ORGANIZATION = "nullif(current_setting('app.organization_id', true), '')::uuid"
CURRENT_USER = "nullif(current_setting('app.user_id', true), '')::uuid"


def statements(script: str) -> Iterator[str]:
    """Split a script at semicolons at the end of a line, except within `$$` bodies."""
    statement: list[str] = []
    in_body = False
    for line in script.splitlines():
        if line.count("$$") % 2:
            in_body = not in_body
        statement.append(line)
        if line.rstrip().endswith(";") and not in_body:
            yield "\n".join(statement).strip()
            statement = []
    rest = "\n".join(statement).strip()
    if rest:
        yield rest


def run(script: str) -> None:
    """Execute a script in the current migration, one statement at a time, as asyncpg requires."""
    for statement in statements(script):
        op.get_bind().exec_driver_sql(statement)


def tenant_isolation(service: str, table: str, condition: str | None = None) -> str:
    """Force row-level security: the service sees only rows of the transaction's organization.

    The owner role sees all rows, for the few SECURITY DEFINER functions and views that work across
    organizations. The service role is not a member of the owner role.
    """
    visible = condition or f"organization_id = {CURRENT_ORGANIZATION}"
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY {table}_tenant ON {table} TO dinsight_{service} USING ({visible}) WITH CHECK ({visible});
CREATE POLICY {table}_owner ON {table} TO dinsight_{service}_owner USING (true) WITH CHECK (true);
"""


def month_partitions(service: str) -> str:
    """Functions that list the partitions of the service's tables, and make one for a month.

    A partition is a table of its own, to which rights and policies of its parent do not apply: the service
    gets no right on it, and reaches its rows through the parent only. ATTACH excludes neither readers nor
    writers of the parent, as long as it has no default partition and no foreign key. Months more than two
    ahead are refused, as are those before 1970: whoever asks for them has not checked the time.
    """
    return f"""
CREATE OR REPLACE FUNCTION partition_bounds(parent regclass)
RETURNS TABLE (part regclass, lower timestamptz, upper timestamptz, pending boolean)
LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
    SELECT c.oid::regclass,
           coalesce(substring(bound FROM 'FROM \\(''([^'']+)''\\)'), '-infinity')::timestamptz,
           coalesce(substring(bound FROM 'TO \\(''([^'']+)''\\)'), 'infinity')::timestamptz,
           i.inhdetachpending
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS bound
    WHERE i.inhparent = parent AND bound LIKE 'FOR VALUES FROM%';
$$;
CREATE OR REPLACE FUNCTION make_month_partition(parent text, month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {service}, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    whole oid := to_regclass(format('{service}.%I', parent));
    starts timestamptz := date_trunc('month', month::timestamptz);
    ends timestamptz := starts + interval '1 month';
    part text := parent || to_char(starts, '_YYYY_MM');
    covering record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = whole) THEN
        RAISE undefined_table USING MESSAGE = format('%s is not a partitioned table', parent);
    END IF;
    IF starts < '1970-01-01' OR starts > now() + interval '2 months' THEN
        RAISE datetime_field_overflow USING MESSAGE = format('%s gets no partition for %s', parent, month);
    END IF;
    -- Two who want the same month take turns; ATTACH would let one wait for the other anyway.
    PERFORM pg_advisory_xact_lock(hashtextextended('{service}.' || parent, 0));
    SELECT * INTO covering FROM partition_bounds(whole) b WHERE b.lower <= starts AND b.upper > starts;
    IF FOUND AND NOT covering.pending THEN
        RETURN false;
    ELSIF FOUND THEN
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %s FINALIZE', parent, covering.part);
    END IF;
    -- The name may still belong to a detached partition that waits to be dropped.
    WHILE to_regclass(format('{service}.%I', part)) IS NOT NULL LOOP
        part := part || '_';
    END LOOP;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
                   part, parent);
    EXECUTE format('REVOKE ALL ON %I FROM dinsight_{service}', part);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY %I ON %I TO dinsight_{service}_owner USING (true) WITH CHECK (true)',
                   part || '_owner', part);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   parent, part, starts, ends);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION make_month_partition(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_month_partition(text, date) TO dinsight_{service};
"""  # noqa: S608 - the names of services
