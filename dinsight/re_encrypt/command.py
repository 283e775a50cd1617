"""`dinsight re-encrypt`: the last step but one of changing the encryption key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinsight.re_encrypt.columns import Moved
    from shared.crypto import Encryptor


def re_encrypt(
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows in one transaction.")] = 200,
) -> None:
    """Encrypt every stored secret with the first of DINSIGHT_ENCRYPTION_KEYS.

    Run it after the programs were restarted with the new key in front, and before the old one is taken away.
    It can be ended and run again at any time.
    """
    import asyncio

    from rich.console import Console

    from shared.crypto import EncryptionError, Encryptor
    from tools.local.connect import running_environment
    from tools.local.errors import LocalError
    from tools.local.layout import Layout

    try:
        environment = running_environment(Layout.from_environ(os.environ), os.environ)
        encryptor = Encryptor(environment.variables()["DINSIGHT_ENCRYPTION_KEYS"])
    except (LocalError, EncryptionError) as error:
        Console(stderr=True, highlight=False).print(
            f"error: {error}", style="red", markup=False, soft_wrap=True
        )
        raise typer.Exit(1) from None
    screen = Console(highlight=False)
    moved = asyncio.run(_move(environment.admin_dsn, encryptor, batch, screen.print))
    if any(column.unreadable for column in moved):
        screen.print(
            "Some secrets were not moved: give the key that they were encrypted with, and run it again."
        )
        raise typer.Exit(1)
    screen.print(f"Every secret is encrypted with the key {encryptor.current_key_id}.")


async def _move(admin_dsn: str, encryptor: Encryptor, batch: int, say: Callable[[str], None]) -> list[Moved]:
    import asyncpg

    from dinsight.re_encrypt.columns import move
    from shared.postgres.connection import prepare_connection

    connection = await asyncpg.connect(admin_dsn)
    try:
        await prepare_connection(connection)
        moved = []
        async for column in move(connection, encryptor, batch):
            moved.append(column)
            say(f"{column.place}: {column.rows} rows, {column.renewed} moved")
            for id_ in column.unreadable:
                say(f"  {id_}: no given key opens it")
    finally:
        await connection.close()
    return moved
