"""`dinsight restore`: an installation as it was at a point in time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinsight.installation import CommandError, at_rest

if TYPE_CHECKING:
    from dinsight.backup.restoring import Home

HOME = "dinsight.home"
FindHome = Callable[[], "Home"]


def restore(
    context: typer.Context,
    to: Annotated[
        str, typer.Option("--to", metavar="TIME", help="2027-01-31T12:00:00Z, or `latest`.")
    ] = "latest",
    backup: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Restore this backup as it was when it ended, instead of a point in time."
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Restore beside the installation: postgres/ and storage/ in this folder."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The folder of the database's cluster, on a server of its own.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Stop what runs here, and move its data aside.")
    ] = False,
    keys: Annotated[
        Path | None, typer.Option(help="An escrow file, as `dinsight backup keys` wrote it.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Which database cluster, where the repository holds several.")
    ] = None,
) -> None:
    """Restore the database to a point in time, together with the files and the events from which topics are
    refilled."""
    from dinsight.backup.context import BackupContext
    from dinsight.backup.escrow import with_escrow
    from dinsight.backup.manifest import read_backups
    from dinsight.backup.repository import open_store
    from dinsight.backup.restoring import FolderHome
    from dinsight.backup.restoring import restore as restore_target
    from dinsight.backup.targets import choose, choose_backup, parse_time

    at = parse_time(to)
    installation = with_escrow(at_rest(context), keys)
    place = BackupContext.of(installation)
    repository = place.chosen(cluster)
    backups = read_backups(repository)
    target = choose_backup(repository, backups, backup) if backup else choose(repository, backups, at)
    home: Home
    if into is not None or data is not None:
        home = FolderHome(data or Path(str(into)) / "postgres")
    elif (find := context.meta.get(HOME)) is not None:
        home = find()
    else:
        raise CommandError("Say where the database goes: --data FOLDER, or --into FOLDER to look at it.")
    home.make_room(replace=replace)
    if keys is not None:
        home.keep_secrets(installation.variables)
    store = place.storage() if into is None else open_store((into.resolve() / "storage").as_uri(), {})
    restore_target(repository, target, home, store, installation.variables, typer.echo)
    typer.echo(f"Restored to {to if backup is None else backup}.")
