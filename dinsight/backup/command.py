"""`dinsight backup`: takes, lists and verifies backups, and writes the keys that must be kept apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinsight.installation import Installation, at_rest

if TYPE_CHECKING:
    from dinsight.backup.context import BackupContext
    from dinsight.backup.manifest import Backup

app = typer.Typer(help="Back up the installation; see docs/operations.md.", no_args_is_help=True)

IdArgument = Annotated[str | None, typer.Argument(metavar="ID", help="Default: the newest.")]
KeysOption = Annotated[
    Path | None,
    typer.Option("--keys", help="An escrow file to decrypt with, as `dinsight backup keys` wrote it."),
]
ClusterOption = Annotated[
    str | None, typer.Option(help="Which database cluster, where the repository holds several.")
]


@app.command()
def run(context: typer.Context) -> None:
    """Take a backup now: the database, its WAL, and the files of the object store."""
    import asyncio

    from asyncpg import PostgresError

    from dinsight.backup.context import BackupContext
    from dinsight.backup.shipping import take_backup_alone

    installation: Installation = context.obj()
    place = BackupContext.of(installation)

    try:
        manifest = asyncio.run(take_backup_alone(installation.admin_dsn, place))
    except (OSError, PostgresError) as error:
        raise installation.database_error(error) from error
    typer.echo(
        f"{manifest.id}: {manifest.base_bytes / 2**20:.1f} MiB of database"
        f" ({manifest.base_stored_bytes / 2**20:.1f} MiB in the repository), {len(manifest.objects)} files"
    )


@app.command("list")
def list_backups(context: typer.Context, keys: KeysOption = None) -> None:
    """List the backups, which of them are verified, and up to when data can be restored."""
    from dinsight.backup.archive import read_position
    from dinsight.backup.context import clusters_of
    from dinsight.backup.manifest import read_backups

    place = _place(context, keys)
    for cluster in clusters_of(place):
        repository = place.repository(cluster)
        typer.echo(f"{repository}")
        for backup in read_backups(repository):
            typer.echo(f"  {_line(backup)}")
        if (position := read_position(repository)) is not None:
            typer.echo(f"  complete up to {position.at.isoformat(timespec='seconds')}")


def _line(backup: Backup) -> str:
    manifest = backup.manifest
    checked = "not verified"
    if backup.verified is not None:
        checked = f"{backup.verified.how} {backup.verified.at:%Y-%m-%d %H:%M}"
    return (
        f"{manifest.id}  ended {manifest.ended_at:%Y-%m-%d %H:%M:%S}"
        f"  {manifest.base_stored_bytes / 2**20:8.1f} MiB  {len(manifest.objects):6} files  {checked}"
    )


@app.command()
def verify(
    context: typer.Context,
    id_: IdArgument = None,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Check every checksum and that no WAL is missing; restore nothing."),
    ] = False,
    keys: KeysOption = None,
    cluster: ClusterOption = None,
) -> None:
    """Restore a backup into a scratch cluster, check its indexes, and read every row and every file."""
    import asyncio

    from dinsight.backup.manifest import read_backups
    from dinsight.backup.targets import choose, choose_backup
    from dinsight.backup.verify import verify as verify_target

    repository = _place(context, keys).chosen(cluster)
    backups = read_backups(repository)
    newest = id_ is None or (bool(backups) and backups[-1].manifest.id == id_)
    target = choose(repository, backups, None) if newest else choose_backup(repository, backups, str(id_))
    outcome = asyncio.run(verify_target(repository, target, restore=not read_only, say=typer.echo))
    typer.echo(f"{target.manifest.id} is good ({outcome.how}, {outcome.seconds:.1f} s)")


@app.command("keys")
def keys_command(
    context: typer.Context,
    output: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
) -> None:
    """Write the keys and passwords that a restore needs to a file.

    Keep it away from this machine and from the backups.
    """
    from dinsight.backup.escrow import write_escrow

    installation = at_rest(context)
    names = write_escrow(installation, output)
    typer.echo(f"{output} holds {', '.join(names)}. Keep it where neither this machine nor the backups are.")


def _place(context: typer.Context, keys: Path | None) -> BackupContext:
    from dinsight.backup.context import BackupContext
    from dinsight.backup.escrow import with_escrow

    return BackupContext.of(with_escrow(at_rest(context), keys))
