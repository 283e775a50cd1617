"""Re-encrypts every stored secret with the current key, in batches; skips what already is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dinsight.administrator import acting_as
from services.alerting import encrypted as alerting
from services.analysis import encrypted as analysis
from services.auth import encrypted as auth
from services.machines import encrypted as machines
from shared.crypto import EncryptedColumn, EncryptionError, Encryptor
from shared.postgres.connection import Connection

COLUMNS: Mapping[str, Sequence[EncryptedColumn]] = {
    "auth": auth.COLUMNS,
    "machines": machines.COLUMNS,
    "analysis": analysis.COLUMNS,
    "alerting": alerting.COLUMNS,
}
# Rows of a batch are locked until it commits: few enough that no request waits long.
BATCH = 200
NEXT = "SELECT {key} AS id, {column} AS value FROM {table} {after} ORDER BY {key} LIMIT $1 FOR UPDATE"
STORE = "UPDATE {table} SET {column} = $2 WHERE {key} = $1"


@dataclass
class Moved:
    """The outcome for one column. `unreadable` are ids of rows that none of the keys decrypts."""

    place: str
    rows: int
    renewed: int
    unreadable: list[str]


async def move(
    connection: Connection, encryptors: Mapping[str, Encryptor], batch: int = BATCH
) -> AsyncIterator[Moved]:
    """Each column in turn, with the keys of its service.

    Every batch is a transaction, so an interrupted run continues where it stopped.
    """
    for service, columns in COLUMNS.items():
        for column in columns:
            yield await _column(connection, service, column, encryptors[service], batch)


async def _column(
    connection: Connection, service: str, column: EncryptedColumn, encryptor: Encryptor, batch: int
) -> Moved:
    moved = Moved(f"{service}.{column.table}.{column.column}", 0, 0, [])
    last: Any = None
    while True:
        async with connection.transaction(), acting_as(connection, service):
            rows = await _next(connection, column, last, batch)
            for row in rows:
                await _row(connection, column, row, encryptor, moved)
        if len(rows) < batch:
            return moved
        last = rows[-1]["id"]


async def _next(connection: Connection, column: EncryptedColumn, last: Any, batch: int) -> list[Any]:
    after = "" if last is None else f"WHERE {column.key} > $2"
    statement = NEXT.format(table=column.table, column=column.column, key=column.key, after=after)
    return await connection.fetch(statement, batch, *([] if last is None else [last]))


async def _row(
    connection: Connection, column: EncryptedColumn, row: Any, encryptor: Encryptor, moved: Moved
) -> None:
    moved.rows += 1
    try:
        value = column.renew(row["id"], row["value"], encryptor.renewed)
    except EncryptionError:
        moved.unreadable.append(str(row["id"]))
        return
    if value != row["value"]:
        store = STORE.format(table=column.table, column=column.column, key=column.key)
        await connection.execute(store, row["id"], value)
        moved.renewed += 1
