"""`dinsight deletions`: certificates of deletions, also those of organizations and accounts that are gone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from dinsight.installation import CommandError, Installation

T = TypeVar("T")

app = typer.Typer(
    name="deletions", help="Certificates of deletions.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.command("list")
def list_deletions(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
) -> None:
    """List deletions: what was deleted, when it was requested and completed."""
    from rich.console import Console
    from rich.table import Table

    from dinsight.deletions.certificates import newest

    table = Table(box=None, pad_edge=False)
    for heading in ("id", "kind", "subject", "requested", "completed"):
        table.add_column(heading, no_wrap=True)
    for found in _read(context, lambda dsn: newest(dsn, limit)):
        completed = f"{found.completed_at:%Y-%m-%d %H:%M}" if found.completed_at else "-"
        requested = f"{found.requested_at:%Y-%m-%d %H:%M}"
        table.add_row(str(found.id), found.kind, str(found.subject_id), requested, completed)
    Console(highlight=False, soft_wrap=True).print(table)


@app.command("show")
def show_deletion(
    context: typer.Context, deletion_id: Annotated[UUID, typer.Argument(help="The id of the deletion.")]
) -> None:
    """Print a certificate as JSON: what every service deleted, and when the last backup of it expires."""
    from dinsight.deletions.certificates import as_json, certificate

    found = _read(context, lambda dsn: certificate(dsn, deletion_id))
    if found is None:
        raise CommandError(f"There is no deletion {deletion_id}. `dinsight deletions list` lists them.")
    typer.echo(as_json(found))


def _read(context: typer.Context, ask: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    import asyncio

    from asyncpg import PostgresError

    installation: Installation = context.obj()
    try:
        return asyncio.run(ask(installation.admin_dsn))
    except (OSError, PostgresError) as error:
        raise installation.database_error(error) from error
