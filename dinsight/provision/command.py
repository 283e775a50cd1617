"""`dinsight provision`: the steps before services start. Each may be repeated, also in parallel."""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import typer

from dinsight.installation import DATABASE_URL, KAFKA_BOOTSTRAP, SERVICES, CommandError, Installation


class Step(StrEnum):
    DATABASES = "databases"
    TOPICS = "topics"


def provision(
    context: typer.Context,
    steps: Annotated[list[Step] | None, typer.Argument(help="Both if left out.")] = None,
) -> None:
    """Create the databases, roles and topics that are missing, and migrate every schema."""
    from aiokafka.errors import KafkaError
    from asyncpg import PostgresError

    installation: Installation = context.obj()
    for step in steps or list(Step):
        try:
            if step is Step.DATABASES:
                _databases(installation)
            else:
                _topics(installation)
        except KafkaError as error:
            server = f"The broker at {installation.kafka_bootstrap} ({KAFKA_BOOTSTRAP})"
            raise CommandError(_explained(server, error)) from error
        except (OSError, PostgresError) as error:
            if step is not Step.DATABASES:
                raise
            server = f"PostgreSQL at {without_login(installation.admin_dsn)} ({DATABASE_URL})"
            raise CommandError(_explained(server, error)) from error


def _explained(server: str, error: Exception) -> str:
    """The traceback goes first, for the log; the sentence comes last, where a supervisor shows it."""
    traceback.print_exception(error)
    return f"{server}: {type(error).__name__}: {error}"


def without_login(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


def _databases(installation: Installation) -> None:
    import asyncio

    from dinsight.provision.databases import ensure_database, provision
    from dinsight.provision.migrations import upgrade

    async def databases_and_roles() -> None:
        await ensure_database(installation.admin_dsn)
        await provision(
            installation.admin_dsn, {service: installation.service_password(service) for service in SERVICES}
        )

    asyncio.run(databases_and_roles())
    for service in SERVICES:
        upgrade(service, installation.admin_dsn)
    typer.echo("Every schema is at its newest revision.")


def _topics(installation: Installation) -> None:
    import asyncio

    from dinsight.provision.topics import create_topics

    created = asyncio.run(create_topics(installation.kafka_bootstrap))
    typer.echo(f"Created {len(created)} topics.")
