"""Months are made when their first row comes: no default partition, and monitor_data by month too.

The rows of the default partition move to their months in batches, beside the running services. `monitor_data`
becomes the first partition of a partitioned table: it holds what came before the next month. (On
TimescaleDB it stays the hypertable that it is.) Interrupted anywhere, the migration continues when it is
run again.
"""

from alembic import op

from shared.postgres.ddl import CURRENT_ORGANIZATION, month_partitions, run, tenant_isolation
from shared.postgres.moving import DefaultPartition, move_default_partition
from shared.postgres.online import ask, create_index, insist, insist_on_all, make_coming_months
from shared.postgres.references import OnDelete, Reference, When, references

revision = "analysis_0009"
down_revision = "analysis_0008"

# The previous version, which may still run, asks every minute for this month and the next two.
ASKED_AHEAD = """
CREATE OR REPLACE FUNCTION ensure_anomaly_partitions(first_day date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analysis, public, pg_temp AS $$
DECLARE
    month date;
    made integer := 0;
BEGIN
    FOR step IN 0 .. least(months, 3) - 1 LOOP
        month := date_trunc('month', first_day) + make_interval(months => step);
        CONTINUE WHEN month > now() + interval '2 months';
        BEGIN
            made := made + make_month_partition('anomalies', month)::integer;
        EXCEPTION WHEN check_violation THEN
            -- The default partition, while there still is one, has rows of this month, which are being moved.
            NULL;
        END;
    END LOOP;
    RETURN made;
END $$;
DROP FUNCTION IF EXISTS guard_anomaly_partition(text);
"""
STATED_TIME = "ALTER TABLE anomalies ADD COLUMN IF NOT EXISTS stated_time TEXT;"
ANOMALIES = DefaultPartition(
    service="analysis",
    table="anomalies",
    key='"timestamp"',
    known_at="coalesce(created_at, now())",
    # asyncpg wrote the first and the last time that Python knows as PostgreSQL's infinities.
    settle="""stated_time = CASE "timestamp" WHEN '-infinity' THEN '0001-01-01T00:00:00+00:00'
                  WHEN 'infinity' THEN '9999-12-31T23:59:59.999999+00:00'
                  ELSE to_char("timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') END,
              "timestamp" = coalesce(created_at, now()) + sample_index * interval '1 microsecond'""",
)
ANALYSES = Reference("analyses", OnDelete.CASCADE)
OF_ANOMALIES = {"analysis_id": ANALYSES, "machine_id": Reference("machine_refs")}
OF_MONITOR_DATA = {"dinsight_id": Reference("dinsight_data"), "analysis_id": ANALYSES}

# The names of the indexes and constraints are needed for those of the partitioned table.
MONITOR_BY_MONTH = f"""
DO $script$
DECLARE
    named record;
    next_month timestamptz := {{next_month}};
BEGIN
    LOCK TABLE monitor_data IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE monitor_data RENAME TO monitor_data_first;
    FOR named IN SELECT i.indexrelid::regclass AS index, c.relname AS name
                 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 WHERE i.indrelid = 'monitor_data_first'::regclass
    LOOP
        EXECUTE format('ALTER INDEX %s RENAME TO %I', named.index, named.name || '_first');
    END LOOP;
    DROP TRIGGER monitor_data_references ON monitor_data_first;
    DROP POLICY monitor_data_tenant ON monitor_data_first;
    REVOKE ALL ON monitor_data_first FROM dinsight_analysis;
    CREATE TABLE monitor_data (
        LIKE monitor_data_first INCLUDING DEFAULTS INCLUDING STORAGE,
        PRIMARY KEY (id, created_at),
        CONSTRAINT monitor_data_chunk UNIQUE (analysis_id, process_order, created_at)
    ) PARTITION BY RANGE (created_at);
    CREATE INDEX idx_monitor_data_dinsight ON monitor_data (dinsight_id);
    CREATE INDEX idx_monitor_data_process_order ON monitor_data (process_order);
    CREATE INDEX monitor_data_organization ON monitor_data (organization_id);
    EXECUTE format('ALTER TABLE monitor_data ATTACH PARTITION monitor_data_first'
                   ' FOR VALUES FROM (MINVALUE) TO (%L)', next_month);
    ALTER TABLE monitor_data_first DROP CONSTRAINT first_months;
    CREATE OR REPLACE VIEW monitor_series WITH (security_barrier) AS
    SELECT * FROM monitor_data WHERE organization_id = {CURRENT_ORGANIZATION}
    WITH LOCAL CHECK OPTION;
    {tenant_isolation("analysis", "monitor_data")}
    {references("analysis", "monitor_data", OF_MONITOR_DATA)}
    IF NOT EXISTS (SELECT FROM monitor_data_first) THEN
        ALTER TABLE monitor_data DETACH PARTITION monitor_data_first;
        DROP TABLE monitor_data_first;
    END IF;
END $script$
"""  # noqa: S608 - constants
# Attaching does not check again what a constraint says.
FIRST_MONTHS = """
ALTER TABLE monitor_data ADD CONSTRAINT first_months CHECK (created_at < {next_month}) NOT VALID
"""
HYPERTABLES = """
SELECT count(*) FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'analysis' AND hypertable_name = 'monitor_data'
"""
# Foreign keys that no index served.
INDEXES = {"analyses_config": "analyses (config_id)", "analyses_baseline": "analyses (baseline_id)"}


def upgrade() -> None:
    run(month_partitions("analysis"))
    run(ASKED_AHEAD)
    with op.get_context().autocommit_block():
        hypertable = _is_hypertable()
        insist_on_all(STATED_TIME + references("analysis", "anomalies", OF_ANOMALIES))
        checked: When = "BEFORE" if hypertable else "AFTER"
        insist_on_all(references("analysis", "monitor_data", OF_MONITOR_DATA, checked=checked))
        for name, on in INDEXES.items():
            create_index(name, on)
        move_default_partition(ANOMALIES)
        if not hypertable and ask("SELECT relkind FROM pg_class WHERE oid = 'monitor_data'::regclass") != "p":
            _by_month()
        for table in ("anomalies", "monitor_data"):
            make_coming_months(table)


def _is_hypertable() -> bool:
    if ask("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == "0":
        return False
    return ask(HYPERTABLES) != "0"


def _by_month() -> None:
    next_month = ask("SELECT quote_literal(date_trunc('month', now(), 'UTC') + interval '1 month')")
    next_month += "::timestamptz"
    insist("ALTER TABLE monitor_data DROP CONSTRAINT IF EXISTS first_months")
    insist(FIRST_MONTHS.format(next_month=next_month))
    insist("ALTER TABLE monitor_data VALIDATE CONSTRAINT first_months")
    insist(MONITOR_BY_MONTH.replace("{next_month}", next_month))
