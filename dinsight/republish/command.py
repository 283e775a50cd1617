"""`dinsight republish`: for a broker that lost its topics, or a restored database."""

from __future__ import annotations

from typing import Annotated

import typer

from dinsight.installation import SERVICES, CommandError, Installation


def republish(
    context: typer.Context,
    services: Annotated[
        list[str] | None, typer.Argument(help="Whose events (default: all services).")
    ] = None,
) -> None:
    """Republish the events that the outboxes keep: the last day's, and the latest state of every entity.

    For a broker that lost its topics; create them first with `dinsight provision topics`. Services may keep
    running. Consumers deduplicate events that they have handled before.
    """
    import asyncio

    from asyncpg import InsufficientPrivilegeError, PostgresError

    from dinsight.republish.outboxes import RelayKeptItsLock, republish

    installation: Installation = context.obj()
    if unknown := set(services or ()) - set(SERVICES):
        raise CommandError(
            f"No service is named {', '.join(sorted(unknown))}; there are: {', '.join(SERVICES)}."
        )
    for service in services or SERVICES:
        try:
            events = asyncio.run(republish(installation.admin_dsn, service))
        except (InsufficientPrivilegeError, RelayKeptItsLock) as error:
            raise CommandError(
                f"The relay of {service} cannot be interrupted ({type(error).__name__}). Grant the"
                " administrator pg_signal_backend, or stop the service and run this again."
            ) from error
        except (OSError, PostgresError) as error:
            raise installation.database_error(error) from error
        typer.echo(f"{service}: {events} events will be republished")
