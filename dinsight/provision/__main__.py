"""The one-time steps before services start, as a program of its own: `python -m dinsight.provision STEP`.

Run apart from the supervisor, which thereby stays small and survives whatever happens here.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg
from aiokafka.errors import KafkaError

from tools.local.settings import DATABASE_SERVICES, DATABASE_URL, KAFKA_BOOTSTRAP, database_variable

STEPS = ("databases", "topics")


async def ensure_database(admin_dsn: str) -> None:
    """Create the database an address names, on a server that does not have it yet."""
    parts = urlsplit(admin_dsn)
    name = unquote(parts.path.lstrip("/"))
    try:
        await (await asyncpg.connect(admin_dsn)).close()
    except asyncpg.InvalidCatalogNameError:
        maintenance = urlunsplit(parts._replace(path="/postgres"))
        connection = await asyncpg.connect(maintenance)
        try:
            quoted = await connection.fetchval("SELECT quote_ident($1)", name)
            await connection.execute(f"CREATE DATABASE {quoted}")
        finally:
            await connection.close()


async def _databases(environ: Mapping[str, str]) -> None:
    from dinsight.provision.databases import provision

    admin_dsn = environ[DATABASE_URL]
    await ensure_database(admin_dsn)
    passwords = {
        service: unquote(urlsplit(environ[database_variable(service)]).password or "")
        for service in DATABASE_SERVICES
    }
    await provision(admin_dsn, passwords)


def databases(environ: Mapping[str, str]) -> None:
    """Roles, schemas, extensions, then every service's migrations."""
    from dinsight.provision.migrations import upgrade

    asyncio.run(_databases(environ))
    for service in DATABASE_SERVICES:
        upgrade(service, environ[DATABASE_URL])


def topics(environ: Mapping[str, str]) -> None:
    from dinsight.provision.topics import create_topics

    created = asyncio.run(create_topics(environ[KAFKA_BOOTSTRAP]))
    print(f"created {len(created)} topics")


class CannotPrepare(Exception):
    """A server cannot be used; the message names it and the variable that points there."""


def place_of(address: str) -> str:
    """Where an address points, without the password in it."""
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


def run(step: str, environ: Mapping[str, str]) -> None:
    try:
        if step == "databases":
            databases(environ)
        else:
            topics(environ)
    except (OSError, asyncpg.PostgresError) as error:
        if step != "databases":
            raise
        where = place_of(environ[DATABASE_URL])
        raise CannotPrepare(f"PostgreSQL at {where} ({DATABASE_URL}): {describe(error)}") from error
    except KafkaError as error:
        where = environ[KAFKA_BOOTSTRAP]
        raise CannotPrepare(f"The broker at {where} ({KAFKA_BOOTSTRAP}): {describe(error)}") from error


def describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    if len(arguments) != 1 or arguments[0] not in STEPS:
        print(f"usage: python -m dinsight.provision {'|'.join(STEPS)}", file=sys.stderr)
        return 2
    try:
        run(arguments[0], environ)
    except CannotPrepare as error:
        # The traceback first, for the log; the sentence last, where `up` shows it.
        traceback.print_exception(error.__cause__)
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
