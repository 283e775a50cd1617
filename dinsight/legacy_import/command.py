"""`dinsight import-legacy`: takes over an installation that has only the first five tables."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def import_legacy(
    dsn: Annotated[
        str, typer.Argument(metavar="DSN", help="The legacy database: postgresql://user:password@host/name")
    ],
    organization: Annotated[
        str, typer.Option(help="The name of the default organization, when it has to be made.")
    ] = "Default organization",
    owner: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="An existing account that becomes its owner.")
    ] = None,
) -> None:
    """Import the data of an installation before organizations into the default organization.

    Everything comes in one transaction, or nothing does. Run again, it adds what is new and says so.
    """
    import asyncio

    from rich.console import Console

    from dinsight.legacy_import.errors import ImportRefused
    from dinsight.legacy_import.screen import show
    from dinsight.legacy_import.takeover import Takeover
    from shared.clock import SystemClock, time_ordered_id
    from tools.local.connect import running_environment
    from tools.local.errors import LocalError
    from tools.local.layout import Layout

    try:
        environment = running_environment(Layout.from_environ(os.environ), os.environ)
        takeover = Takeover(SystemClock(), time_ordered_id)
        imported = asyncio.run(
            takeover.run(dsn, environment.admin_dsn, organization_name=organization, owner_email=owner)
        )
    except (LocalError, ImportRefused) as error:
        Console(stderr=True, highlight=False).print(
            f"error: {error}", style="red", markup=False, soft_wrap=True
        )
        raise typer.Exit(1) from None
    show(Console(), imported)
