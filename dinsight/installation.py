"""The installation that a command works on, described by the variables that configure its services."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from typer import Context

DATABASE_URL = "DINSIGHT_DATABASE_URL"
KAFKA_BOOTSTRAP = "DINSIGHT_KAFKA_BOOTSTRAP"
ENCRYPTION_KEYS = "DINSIGHT_ENCRYPTION_KEYS"
STORAGE_URL = "DINSIGHT_STORAGE_URL"

# The services that own a schema, in the order in which they are provisioned.
SERVICES = ("auth", "machines", "analysis", "alerting")


class CommandError(Exception):
    """An error that the user can act on; printed without a traceback."""


def database_variable(service: str) -> str:
    return f"DINSIGHT_{service.upper()}_DATABASE_URL"


@dataclass(frozen=True)
class Installation:
    """Raises CommandError with the name of a variable that is needed and not set."""

    variables: Mapping[str, str]

    @property
    def admin_dsn(self) -> str:
        """The administrator's address of the database."""
        return self._variable(DATABASE_URL)

    @property
    def kafka_bootstrap(self) -> str:
        return self._variable(KAFKA_BOOTSTRAP)

    @property
    def encryption_keys(self) -> str:
        return self._variable(ENCRYPTION_KEYS)

    @property
    def storage_url(self) -> str | None:
        """The object store; None where the services use their default."""
        return self.variables.get(STORAGE_URL) or None

    def service_password(self, service: str) -> str:
        """The password of the service's database login."""
        return unquote(urlsplit(self._variable(database_variable(service))).password or "")

    def database_error(self, error: Exception) -> CommandError:
        """Names the server and the error; the address without its login."""
        parts = urlsplit(self.admin_dsn)
        server = f"{parts.hostname}:{parts.port or 5432}{parts.path}"
        return CommandError(f"PostgreSQL at {server} ({DATABASE_URL}): {type(error).__name__}: {error}")

    def broker_error(self, error: Exception) -> CommandError:
        server = f"The broker at {self.kafka_bootstrap} ({KAFKA_BOOTSTRAP})"
        return CommandError(f"{server}: {type(error).__name__}: {error}")

    def _variable(self, name: str) -> str:
        value = self.variables.get(name)
        if not value:
            raise CommandError(f"{name} is not set.")
        return value


# How a command finds its installation; asked only when it needs one.
Find = Callable[[], Installation]


def named_by_environment() -> Installation:
    return Installation(os.environ)


# Where a command that needs no running server finds the installation in its context.
AT_REST = "dinsight.at_rest"


def at_rest(context: Context) -> Installation:
    """The installation of a command that also works while it is stopped."""
    find: Find = context.meta.get(AT_REST, context.obj)
    return find()
