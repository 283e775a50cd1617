"""`dinsight re-encrypt`: the step of changing the encryption key before the old key is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinsight.installation import SERVICES, CommandError, Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dinsight.re_encrypt.columns import Moved
    from shared.crypto import Encryptor


def re_encrypt(
    context: typer.Context,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows per transaction.")] = 200,
) -> None:
    """Re-encrypt every stored secret with the first key of its service.

    Run it after services were restarted with the new key first, and before the old key is removed. It can be
    interrupted and run again.
    """
    import asyncio

    from rich.console import Console

    installation: Installation = context.obj()
    encryptors = {service: _encryptor(installation, service) for service in SERVICES}
    screen = Console(highlight=False)
    moved = asyncio.run(_move(installation.admin_dsn, encryptors, batch, screen.print))
    if any(column.unreadable for column in moved):
        screen.print(
            "Some secrets could not be decrypted. Add the key that encrypted them, and run it again."
        )
        raise typer.Exit(1)
    current = ", ".join(f"{service}: {each.current_key_id}" for service, each in encryptors.items())
    screen.print(f"Every secret is encrypted with the first key of its service ({current}).")


def _encryptor(installation: Installation, service: str) -> Encryptor:
    from shared.crypto import EncryptionError, Encryptor

    try:
        return Encryptor(installation.encryption_keys(service))
    except EncryptionError as error:
        raise CommandError(f"The keys of {service}: {error}") from error


async def _move(
    admin_dsn: str, encryptors: Mapping[str, Encryptor], batch: int, say: Callable[[str], None]
) -> list[Moved]:
    from dinsight.administrator import connected
    from dinsight.re_encrypt.columns import move

    moved = []
    async with connected(admin_dsn) as connection:
        async for column in move(connection, encryptors, batch):
            moved.append(column)
            say(f"{column.place}: {column.rows} rows, {column.renewed} re-encrypted")
            for id_ in column.unreadable:
                say(f"  {id_}: cannot be decrypted with any of the keys")
    return moved
