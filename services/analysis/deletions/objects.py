"""Deletes the objects of what is deleted, and counts each once, wherever an attempt ends."""

from services.analysis.objects.store import Storage
from shared.access import Scope
from shared.erasure.steps import Erased, Erasing, Step, filled
from shared.events.deletions import DeletionRequested
from shared.postgres.connection import Database

BATCH = 50

NEXT = """
SELECT id, prefix, objects FROM discarded_objects WHERE deletion_id = :deletion ORDER BY id LIMIT $1
"""
MEASURED = "UPDATE discarded_objects SET objects = $2, bytes = $3 WHERE id = $1"
FORGET = """
DELETE FROM discarded_objects WHERE id IN (
    SELECT id FROM discarded_objects WHERE deletion_id = :deletion ORDER BY id LIMIT $1
) AND objects IS NOT NULL RETURNING objects, bytes
"""


class DiscardedObjects(Step):
    """Objects are measured before they are deleted, and counted after: a crash between changes no count."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def prepare(self, database: Database, scope: Scope, deletion: DeletionRequested) -> None:
        async with database.transaction(scope) as connection:
            discarded = await connection.fetch(filled(NEXT, deletion), BATCH)
        for row in discarded:
            if row["objects"] is None:
                objects, size = await self._storage.measure(row["prefix"])
                async with database.transaction(scope) as connection:
                    await connection.execute(MEASURED, row["id"], objects, size)
            await self._storage.delete_all(row["prefix"])

    async def erase(self, erasing: Erasing) -> Erased:
        gone = await erasing.connection.fetch(filled(FORGET, erasing.deletion), BATCH)
        return Erased(
            objects=sum(row["objects"] for row in gone),
            bytes=sum(row["bytes"] for row in gone),
            more=len(gone) == BATCH,
        )
