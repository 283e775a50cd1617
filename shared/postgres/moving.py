"""Moves the rows of a table's default partition to month partitions, while services read and write them.

For migrations, within an autocommit block. Rows are copied in batches, each a transaction of its own, to
month partitions of a table beside; a trigger notes the ids of the rows that change meanwhile. Then one
short transaction copies these again, attaches the months in place of the default partition, and drops it:
every reader sees each row once, before and after. Interrupted anywhere, it starts over, and what was copied
stays.
"""

from dataclasses import dataclass

import structlog
from alembic import op

from shared.postgres.ddl import run
from shared.postgres.online import ask, insist

BATCH = 5_000
COPIED = "All rows of the default partition have been copied."

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DefaultPartition:
    """`key` is the partition key. `settle` gives a new time to rows whose time cannot be: an UPDATE's SET
    list.

    `known_at` is an expression for when the row was known, which `key` may exceed by a day.
    """

    service: str
    table: str
    key: str
    known_at: str
    settle: str

    @property
    def odd(self) -> str:
        return f"(NOT {self.key} BETWEEN '1970-01-01 00:00:00+00' AND {self.known_at} + interval '1 day')"

    def script(self) -> str:
        """What the copying needs: the table beside, the list of changed rows, and functions of the owner."""
        service, table, key = self.service, self.table, self.key
        return f"""
CREATE TABLE IF NOT EXISTS {table}_changed (id uuid NOT NULL);
REVOKE ALL ON {table}_changed FROM dinsight_{service};
CREATE OR REPLACE FUNCTION {table}_note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {service}, public, pg_temp AS $$
BEGIN
    INSERT INTO {table}_changed VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER {table}_note_change AFTER INSERT OR UPDATE OR DELETE ON {table}_default
FOR EACH ROW EXECUTE FUNCTION {table}_note_change();
CREATE TABLE IF NOT EXISTS {table}_moving (LIKE {table} INCLUDING ALL) PARTITION BY RANGE ({key});
REVOKE ALL ON {table}_moving FROM dinsight_{service};
CREATE OR REPLACE FUNCTION {table}_copy(ids uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = {service}, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz;
    part text;
BEGIN
    FOR month IN SELECT DISTINCT date_trunc('month', {key}) FROM {table}_default
                 WHERE id = ANY (ids) AND NOT {self.odd}
    LOOP
        CONTINUE WHEN NOT make_month_partition('{table}_moving', month::date);
        -- Known to hold, it need not be checked when the month is attached to the other table.
        part := '{table}_moving' || to_char(month, '_YYYY_MM');
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT one_month CHECK ({key} >= %L AND {key} < %L)',
                       part, month, month + interval '1 month');
    END LOOP;
    INSERT INTO {table}_moving SELECT * FROM {table}_default WHERE id = ANY (ids) AND NOT {self.odd}
    ON CONFLICT DO NOTHING;
END $$;
CREATE OR REPLACE FUNCTION {table}_copy_changed() RETURNS void
LANGUAGE plpgsql SET search_path = {service}, public, pg_temp AS $$
DECLARE
    ids uuid[];
BEGIN
    WITH noted AS (DELETE FROM {table}_changed RETURNING id)
    SELECT array_agg(DISTINCT id) INTO ids FROM noted;
    DELETE FROM {table}_moving WHERE id = ANY (ids);
    PERFORM {table}_copy(ids);
END $$;
"""  # noqa: S608 - names of the migration

    def settling(self, limit: str = "") -> str:
        """Move rows whose time cannot be to the month of their new time, in the partitioned table itself."""
        return f"""
UPDATE {self.table} SET {self.settle} WHERE (id, {self.key}) IN
    (SELECT id, {self.key} FROM {self.table}_default WHERE {self.odd} {limit})
"""  # noqa: S608 - names of the migration

    def switch(self) -> str:
        table = self.table
        return f"""
DO $$
DECLARE
    moved record;
    part text;
BEGIN
    LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE;
    LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE;
    {self.settling()};
    PERFORM {table}_copy_changed();
    ALTER TABLE {table} DETACH PARTITION {table}_default;
    FOR moved IN SELECT * FROM partition_bounds('{table}_moving') LOOP
        EXECUTE format('ALTER TABLE {table}_moving DETACH PARTITION %s', moved.part);
        IF EXISTS (SELECT FROM partition_bounds('{table}') b
                   WHERE b.lower < moved.upper AND b.upper > moved.lower) THEN
            -- All rows of this month were deleted, and then its partition was made.
            EXECUTE format('INSERT INTO {table} SELECT * FROM %s', moved.part);
            EXECUTE format('DROP TABLE %s', moved.part);
            CONTINUE;
        END IF;
        EXECUTE format('ALTER TABLE {table} ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                       moved.part, moved.lower, moved.upper);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT one_month', moved.part);
        part := '{table}' || to_char(moved.lower AT TIME ZONE 'UTC', '_YYYY_MM');
        EXECUTE format('ALTER TABLE %s RENAME TO %I', moved.part, part);
    END LOOP;
    DROP TABLE {table}_default, {table}_moving, {table}_changed;
    DROP FUNCTION {table}_note_change(), {table}_copy(uuid[]), {table}_copy_changed();
END $$
"""  # noqa: S608 - names of the migration


def move_default_partition(of: DefaultPartition) -> None:
    """Replace the default partition, if there is one, by month partitions with its rows."""
    if ask(f"SELECT to_regclass('{of.service}.{of.table}_default')") == "None":
        return
    run(of.script())
    while insist(of.settling(f"LIMIT {BATCH}")):
        pass
    copied = 0
    # Once all is copied, only what changes must be copied again, however often the switch has to be tried.
    if ask(f"SELECT obj_description('{of.table}_moving'::regclass, 'pg_class')") != COPIED:
        copied = _copy_all(of)
        insist(f"COMMENT ON TABLE {of.table}_moving IS '{COPIED}'")
    insist(f"SELECT {of.table}_copy_changed()")
    insist(of.switch())
    if copied:
        logger.info("default partition moved to months", table=f"{of.service}.{of.table}", rows=copied)


def _copy_all(of: DefaultPartition) -> int:
    """Copy every row of the default partition, in the order of the ids."""
    copied = 0
    last = "00000000-0000-0000-0000-000000000000"
    batch = f"SELECT id FROM {of.table}_default WHERE id > '%s' ORDER BY id LIMIT {BATCH}"  # noqa: S608 - names
    while True:
        ids = [str(row[0]) for row in op.get_bind().exec_driver_sql(batch % last)]
        if not ids:
            break
        array = "{" + ",".join(ids) + "}"
        insist(f"SELECT {of.table}_copy('{array}')")
        last = ids[-1]
        copied += len(ids)
    return copied
