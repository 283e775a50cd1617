"""`dinsight provision`: what must be done before services start. Safe to repeat, also in parallel."""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import Annotated

import typer

from dinsight.installation import BROKER_USERS, SERVICES, Installation


class Step(StrEnum):
    DATABASES = "databases"
    TOPICS = "topics"


def provision(
    context: typer.Context,
    steps: Annotated[list[Step] | None, typer.Argument(help="Which step (default: both).")] = None,
    after: Annotated[
        bool, typer.Option("--after", help="Also run the migrations that wait until no older version runs.")
    ] = False,
) -> None:
    """Create missing databases, roles, topics and users of the broker, and migrate every schema.

    Run it before programs of a new version start, and with --after once none of an older version runs.
    """
    from aiokafka.errors import KafkaError
    from asyncpg import PostgresError
    from confluent_kafka import KafkaException

    installation: Installation = context.obj()
    for step in steps or list(Step):
        try:
            if step is Step.DATABASES:
                _databases(installation, after=after)
            else:
                _topics(installation)
        # The traceback goes first, for the log; the sentence comes last, where a supervisor shows it.
        except (KafkaError, KafkaException) as error:
            traceback.print_exception(error)
            raise installation.broker_error(error) from error
        except (OSError, PostgresError) as error:
            if step is not Step.DATABASES:
                raise
            traceback.print_exception(error)
            raise installation.database_error(error) from error


def _databases(installation: Installation, *, after: bool) -> None:
    import asyncio

    from dinsight.provision.databases import ensure_database, provision
    from dinsight.provision.migrations import pending, upgrade

    async def databases_and_roles() -> None:
        await ensure_database(installation.admin_dsn)
        await provision(
            installation.admin_dsn, {service: installation.service_password(service) for service in SERVICES}
        )

    asyncio.run(databases_and_roles())
    for service in SERVICES:
        upgrade(service, installation.admin_dsn, after=after)
    waiting = asyncio.run(pending(installation.admin_dsn))
    if waiting:
        typer.echo(
            "Every schema is ready for this version. Migrations still to run with --after, once no older"
            f" version runs: {', '.join(waiting)}."
        )
    else:
        typer.echo("Every schema is up to date.")


def _topics(installation: Installation) -> None:
    import asyncio

    from dinsight.provision.topics import create_topics, set_users

    kafka = installation.kafka()
    created = asyncio.run(create_topics(kafka))
    typer.echo(f"Created {len(created)} topics.")
    if kafka.settings.kafka_has_logins:
        passwords = {user: installation.broker_password(user) for user in BROKER_USERS}
        asyncio.run(set_users(kafka.settings, passwords))
        typer.echo(f"Set passwords and rights of {len(passwords)} users of the broker.")
