"""Prepares a database for the services: extensions, and a schema and two roles for each service."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from dinsight.administrator import connected
from dinsight.installation import SERVICES
from dinsight.provision.scram import scram_verifier
from shared.postgres.connection import Connection

logger = logging.getLogger(__name__)

NEEDED_EXTENSIONS = ("uuid-ossp", "pgcrypto")
# Used where the server has them; optional.
WELCOME_EXTENSIONS = ("pg_stat_statements", "timescaledb")
# The schema with a hypertable. TimescaleDB runs policies as the table's owner, who must be allowed to log in
# for that. A limit of no connections keeps everybody out all the same: it does not count background workers.
HYPERTABLES_OF = "analysis"
ROLE_OF_BACKGROUND_JOBS = "LOGIN CONNECTION LIMIT 0 PASSWORD NULL"
# Two commands that provision the same database take turns.
PROVISION_LOCK = 0x44494E53


async def ensure_database(admin_dsn: str) -> None:
    """Create the database that an address names, on a server that does not have it yet."""
    parts = urlsplit(admin_dsn)
    name = unquote(parts.path.lstrip("/"))
    try:
        async with connected(admin_dsn):
            pass
    except asyncpg.InvalidCatalogNameError:
        maintenance = urlunsplit(parts._replace(path="/postgres"))
        async with connected(maintenance) as connection:
            quoted = await connection.fetchval("SELECT quote_ident($1)", name)
            # Another command may have created it meanwhile.
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f"CREATE DATABASE {quoted}")


async def provision(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """Create what is missing, and set the login roles' passwords. `passwords` is keyed by service name.

    `admin_dsn` must be allowed to create roles, schemas and the needed extensions.
    """
    async with connected(admin_dsn) as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", PROVISION_LOCK)
        await _extensions(connection)
        database = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for service in SERVICES:
            await _service(connection, database, service, passwords[service])
        await _background_jobs(connection)


async def _extensions(connection: Connection) -> None:
    available = {row["name"] for row in await connection.fetch("SELECT name FROM pg_available_extensions")}
    for name in NEEDED_EXTENSIONS:
        await connection.execute(f'CREATE EXTENSION IF NOT EXISTS "{name}" SCHEMA public')
    for name in WELCOME_EXTENSIONS:
        if name not in available:
            continue
        try:
            await connection.execute(f'CREATE EXTENSION IF NOT EXISTS "{name}" SCHEMA public')
        except asyncpg.PostgresError as error:
            logger.warning("extension %s is installed but cannot be used: %s", name, error)


async def _service(connection: Connection, database: str, service: str, password: str) -> None:
    owner, login = f"dinsight_{service}_owner", f"dinsight_{service}"
    for role in (owner, login):
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
            await connection.execute(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS")
    # A role of the whole server is altered only when it must be: concurrent ALTERs of one role collide.
    await connection.execute(login_statement(login, password))
    await connection.execute(f"GRANT {owner} TO CURRENT_USER")
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {owner}")
    for role in (owner, login):
        await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {role}")
        await connection.execute(f"GRANT USAGE ON SCHEMA public, {service} TO {role}")
        await connection.execute(
            f"ALTER ROLE {role} IN DATABASE {database} SET search_path = {service}, public"
        )
    # The login restores archived rows through a temporary table; the version before counter rows refreshes a
    # materialized view through one.
    await connection.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {owner}, {login}")
    defaults = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {service} GRANT"
    await connection.execute(f"{defaults} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {login}")
    await connection.execute(f"{defaults} USAGE, SELECT ON SEQUENCES TO {login}")


def login_statement(login: str, password: str) -> str:
    """Sets the password without containing it: statements are logged, and kept by pg_stat_statements."""
    return f"ALTER ROLE {login} LOGIN PASSWORD '{scram_verifier(password)}'"


async def _background_jobs(connection: Connection) -> None:
    """Let TimescaleDB, where it is, run the policies of the schema that has a hypertable."""
    role = f"dinsight_{HYPERTABLES_OF}_owner"
    if await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
        " AND EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND NOT (rolcanlogin AND rolconnlimit = 0))",
        role,
    ):
        await connection.execute(f"ALTER ROLE {role} {ROLE_OF_BACKGROUND_JOBS}")
