"""`dinsight maintenance`: one run of all steps, by hand; the program `maintenance` does it every night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinsight.installation import Installation

if TYPE_CHECKING:
    from rich.console import Console

    from dinsight.maintenance.context import MaintenanceContext
    from dinsight.maintenance.steps import Outcome


def maintenance(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
) -> None:
    """Archive, export and delete what has been kept for long enough.

    It can be interrupted, run again, and run beside another run. Machines on legal hold keep everything.
    """
    import asyncio

    from asyncpg import PostgresError
    from rich.console import Console

    from dinsight.maintenance.context import MaintenanceContext
    from shared.retention import RetentionSettings
    from shared.settings import InstallationSettings

    installation: Installation = context.obj()
    settings = InstallationSettings()
    work = MaintenanceContext(
        admin_dsn=installation.admin_dsn,
        storage_url=installation.storage_url or settings.storage_url,
        retention=RetentionSettings(),
        installation=settings,
        dry_run=dry_run,
    )
    screen = Console(highlight=False)
    try:
        outcomes = asyncio.run(_run(work, screen))
    except (OSError, PostgresError) as error:
        raise installation.database_error(error) from error
    if dry_run:
        screen.print("This was a dry run: nothing was changed.")
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


async def _run(work: MaintenanceContext, screen: Console) -> list[Outcome]:
    from rich.table import Table
    from rich.text import Text

    from dinsight.maintenance.steps import run

    table = Table(box=None, pad_edge=False)
    table.add_column("step")
    for heading in ("number", "bytes"):
        table.add_column(heading, justify="right")
    table.add_column("")
    outcomes = []
    with screen.status("working") as status:
        async for outcome in run(work):
            status.update(f"after: {outcome.step}")
            outcomes.append(outcome)
            notes = Text("\n".join(outcome.done.notes))
            if outcome.error:
                notes = Text(outcome.error, style="red")
            table.add_row(outcome.step, f"{outcome.done.count:,}", f"{outcome.done.bytes:,}", notes)
    screen.print(table)
    return outcomes
