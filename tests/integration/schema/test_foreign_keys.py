"""Every foreign key has an index, without which deleting a row reads the whole table that refers to it."""

from dinsight.installation import SERVICES
from shared.postgres.connection import Connection

WITHOUT_INDEX = """
SELECT k.conrelid::regclass::text || ': ' || pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname = ANY ($1)
  AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
      AND (SELECT array_agg(column_number ORDER BY column_number)
           FROM unnest((i.indkey::int2[])[0:cardinality(k.conkey) - 1]) AS column_number)
        = (SELECT array_agg(column_number ORDER BY column_number) FROM unnest(k.conkey) AS column_number))
ORDER BY 1
"""
OF_PARTITIONED = """
SELECT k.conrelid::regclass::text || '.' || k.conname FROM pg_constraint k
JOIN pg_partitioned_table p ON p.partrelid = k.conrelid WHERE k.contype = 'f'
"""


async def test_every_foreign_key_has_an_index(admin: Connection) -> None:
    assert [row[0] for row in await admin.fetch(WITHOUT_INDEX, list(SERVICES))] == []


async def test_a_key_without_index_would_be_found(admin: Connection) -> None:
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute("DROP INDEX alerting.alerts_resolved_by")
        found = [row[0] for row in await admin.fetch(WITHOUT_INDEX, list(SERVICES))]
    finally:
        await transaction.rollback()
    assert [line.split(":")[0] for line in found] == ["alerting.alerts"]


async def test_partitioned_tables_have_none(admin: Connection) -> None:
    """A foreign key would lock the other table whenever a partition comes or goes; triggers lock rows."""
    assert [row[0] for row in await admin.fetch(OF_PARTITIONED)] == []
