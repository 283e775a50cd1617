"""Deletes the objects of what is deleted, and counts each once, wherever an attempt ends."""

from services.analysis.objects.store import Storage
from shared.access import Scope
from shared.erasure.steps import Erased, Erasing, Step
from shared.events.deletions import DeletionRequested
from shared.postgres.connection import Database
from shared.postgres.queries import Queries

BATCH = 50


class DiscardedObjects(Step):
    """Objects are measured before they are deleted, and counted after: a crash between changes no count."""

    def __init__(self, storage: Storage, queries: Queries) -> None:
        self._storage = storage
        self._queries = queries

    async def prepare(self, database: Database, scope: Scope, deletion: DeletionRequested) -> None:
        async with database.transaction(scope) as connection:
            found = self._queries.objects_of_deletion(connection, deletion=deletion.deletion_id, batch=BATCH)
            discarded = [row async for row in found]
        for row in discarded:
            if row["objects"] is None:
                objects, size = await self._storage.measure(row["prefix"])
                async with database.transaction(scope) as connection:
                    await self._queries.set_measured(connection, id=row["id"], objects=objects, bytes=size)
            await self._storage.delete_all(row["prefix"])

    async def erase(self, erasing: Erasing) -> Erased:
        found = erasing.queries.forget_measured(erasing.connection, **erasing.ids, batch=BATCH)
        gone = [row async for row in found]
        return Erased(
            objects=sum(row["objects"] for row in gone),
            bytes=sum(row["bytes"] for row in gone),
            more=len(gone) == BATCH,
        )
