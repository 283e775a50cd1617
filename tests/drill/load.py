"""Writes to an installation as its services do, and knows what was acknowledged when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import asyncpg

from dinsight.installation import database_variable
from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Connection, Database

# Rows per second; a machine with its event in every tenth, and a file in every twentieth.
PAUSE_SECONDS = 0.01
MACHINE_EVERY, FILE_EVERY = 10, 20
LEDGER = "CREATE TABLE IF NOT EXISTS public.ledger (number bigint PRIMARY KEY, file text)"
INSERT_MACHINE = """
INSERT INTO machines (id, organization_id, name) VALUES ($1, $2, $3)
"""


class Load:
    """Runs in a thread from `start` until `stop`, or until the server is gone."""

    def __init__(self, env: Mapping[str, str], storage: Path, first: int = 0) -> None:
        self._env = env
        self._storage = storage
        self._first = first
        self._stop = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._write()), name="load")
        self.organization = uuid4()
        # When the commit of each row was acknowledged.
        self.acknowledged: dict[int, float] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, rows: int) -> None:
        """Until this many more rows are acknowledged."""
        wanted = len(self.acknowledged) + rows
        while len(self.acknowledged) < wanted:
            assert self._thread.is_alive(), "the load has ended"
            time.sleep(0.02)

    async def _write(self) -> None:
        try:
            admin = await asyncpg.connect(self._env["DINSIGHT_DATABASE_URL"])
        except OSError:
            return
        try:
            await self._rows(admin)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            # The server was killed, or its tables were.
            return
        finally:
            admin.terminate()

    async def _rows(self, admin: Connection) -> None:
        number = self._first
        await admin.execute(LEDGER)
        dsn = self._env[database_variable("machines")]
        async with Database(dsn, service="machines", pool_size=1) as machines:
            while not self._stop.is_set():
                await self._row(admin, machines, number)
                self.acknowledged[number] = time.time()
                number += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def _row(self, admin: Connection, machines: Database, number: int) -> None:
        if number % MACHINE_EVERY == 0:
            await self._machine(machines, number)
        file = None
        if number % FILE_EVERY == 0:
            # As uploads: first the file, then the row that names it.
            file = f"uploads/{time_ordered_id()}"
            path = self._storage / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(str(number).encode() * 1000)
        await admin.execute("INSERT INTO public.ledger VALUES ($1, $2)", number, file)

    async def _machine(self, machines: Database, number: int) -> None:
        id_: UUID = time_ordered_id()
        async with machines.transaction(Scope(organization_id=self.organization)) as connection:
            await connection.execute(INSERT_MACHINE, id_, self.organization, f"Rig {number}")
            payload = MachineChanged(
                machine_id=id_,
                name=f"Rig {number}",
                model=None,
                serial_number=None,
                location=None,
                status="active",
                metadata={},
                version=1,
                changed_at=datetime.now(UTC),
            )
            outbox = PostgresOutbox(connection, SystemClock(), time_ordered_id)
            await outbox.add(MACHINE_CHANGED, id_, payload, organization_id=self.organization)
