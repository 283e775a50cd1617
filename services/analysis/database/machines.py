"""The replica of the machines, and deleting everything about a machine."""

from dataclasses import asdict
from typing import Any, Protocol
from uuid import UUID

from services.analysis.database import rows
from services.analysis.machines.domain import MachineRef
from shared.jobs.queue import Jobs
from shared.postgres.connection import Connection


class Machines(Protocol):
    async def get(self, machine_id: UUID) -> MachineRef | None:
        """The replica, which may be a tombstone."""
        ...

    async def lock(self, machine_id: UUID) -> MachineRef | None:
        """The replica, locked against deletion until the transaction ends."""
        ...

    async def merge(self, machine: MachineRef) -> bool:
        """Store a newer version, and tell whether it was stored; a deleted machine stays deleted."""
        ...

    async def purge(self, machine_id: UUID) -> None:
        """Delete everything that belongs to the machine except the replica, and discard its objects."""
        ...


class PostgresMachines:
    def __init__(self, connection: Connection, queries: Any, jobs: Jobs) -> None:
        self._connection = connection
        self._queries = queries
        self._jobs = jobs

    async def get(self, machine_id: UUID) -> MachineRef | None:
        row = await self._queries.get_machine_ref(self._connection, id=machine_id)
        return rows.machine_ref(row) if row else None

    async def lock(self, machine_id: UUID) -> MachineRef | None:
        row = await self._queries.lock_machine_ref(self._connection, id=machine_id)
        return rows.machine_ref(row) if row else None

    async def merge(self, machine: MachineRef) -> bool:
        return await self._queries.merge_machine_ref(self._connection, **asdict(machine)) is True

    async def purge(self, machine_id: UUID) -> None:
        queries, connection = self._queries, self._connection
        locked = queries.lock_analyses_of_machine(connection, machine_id=machine_id)
        # A worker that is busy with one of them loses its lease.
        await self._jobs.cancel([row["id"] async for row in locked])
        await queries.delete_sources_of_machine(connection, machine_id=machine_id)
        await queries.discard_objects_of_machine(connection, machine_id=machine_id)
        await queries.delete_anomalies_of_machine(connection, machine_id=machine_id)
        await queries.delete_counts_of_machine(connection, machine_id=machine_id)
        await queries.delete_alerts_of_machine(connection, machine_id=machine_id)
        await queries.delete_monitor_of_machine(connection, machine_id=machine_id)
        deleted = [row async for row in queries.delete_analyses_of_machine(connection, machine_id=machine_id)]
        await queries.delete_state_of_machine(connection, machine_id=machine_id)
        uploads = [row["file_upload_id"] for row in deleted]
        maps = [row["dinsight_id"] for row in deleted if row["dinsight_id"]]
        await queries.delete_maps(connection, ids=maps, upload_ids=uploads)
        await queries.delete_features(connection, ids=uploads)
        await queries.delete_uploads(connection, ids=uploads)
