"""`dinsight administrators`: who closes accounts, deactivates organizations and ends sessions of anybody."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer

from dinsight.installation import CommandError, Installation

T = TypeVar("T")

app = typer.Typer(
    name="administrators",
    help="Manage the administrators of the installation, who can close accounts, deactivate organizations and"
    " end sessions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Address = Annotated[str, typer.Argument(help="The e-mail address of the account.", metavar="EMAIL")]


@app.command("list")
def list_administrators(context: typer.Context) -> None:
    """List the administrators of the installation."""
    from dinsight.administrators.accounts import administrators

    for user in _done(context, administrators):
        typer.echo(user.email if user.is_active else f"{user.email} (closed)")


@app.command()
def grant(context: typer.Context, email: Address) -> None:
    """Make an account an administrator of the installation, from its next request on."""
    _set(context, email, True)


@app.command()
def revoke(context: typer.Context, email: Address) -> None:
    """Take the administrator role away from an account, from its next request on."""
    _set(context, email, False)


def _set(context: typer.Context, email: str, is_administrator: bool) -> None:
    from dinsight.administrators.accounts import set_administrator

    if not _done(context, lambda dsn: set_administrator(dsn, email.strip().lower(), is_administrator)):
        raise CommandError(f"There is no open account with the address {email}.")


def _done(context: typer.Context, work: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    import asyncio

    from asyncpg import PostgresError

    installation: Installation = context.obj()
    try:
        return asyncio.run(work(installation.admin_dsn))
    except (OSError, PostgresError) as error:
        raise installation.database_error(error) from error
