"""`dinsight import-legacy`: imports an installation that has only the first five tables."""

from __future__ import annotations

from typing import Annotated

import typer

from dinsight.installation import Installation


def import_legacy(
    context: typer.Context,
    dsn: Annotated[
        str, typer.Argument(metavar="DSN", help="The legacy database: postgresql://user:password@host/name")
    ],
    organization: Annotated[
        str, typer.Option(help="Name of the default organization, if it must be created.")
    ] = "Default organization",
    owner: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="An existing account that becomes its owner.")
    ] = None,
) -> None:
    """Import a legacy installation, which has no organizations, into the default organization.

    The import is one transaction: all or nothing. Run again, it adds only what is new.
    """
    import asyncio

    from rich.console import Console

    from dinsight.legacy_import.screen import show
    from dinsight.legacy_import.takeover import Takeover
    from shared.clock import SystemClock, time_ordered_id

    installation: Installation = context.obj()
    takeover = Takeover(SystemClock(), time_ordered_id)
    imported = asyncio.run(
        takeover.run(dsn, installation.admin_dsn, organization_name=organization, owner_email=owner)
    )
    show(Console(), imported)
