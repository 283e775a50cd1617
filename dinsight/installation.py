"""The installation that a command works on, described by the variables that configure its services."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shared.secret_files import SecretFileError, with_files

if TYPE_CHECKING:
    from typer import Context

    from shared.kafka.connection import KafkaConnection

DATABASE_URL = "DINSIGHT_DATABASE_URL"
KAFKA_BOOTSTRAP = "DINSIGHT_KAFKA_BOOTSTRAP"
PASSWORD_PEPPER = "DINSIGHT_PASSWORD_PEPPER"  # noqa: S105 - the name of a variable
STORAGE_URL = "DINSIGHT_STORAGE_URL"
EVENT_PUBLIC_KEYS = "DINSIGHT_EVENT_PUBLIC_KEYS"
# Each program finds its own under these names.
ENCRYPTION_KEYS = "DINSIGHT_ENCRYPTION_KEYS"
EVENT_SIGNING_KEY = "DINSIGHT_EVENT_SIGNING_KEY"

# The services that own a schema, in the order in which they are provisioned.
SERVICES = ("auth", "machines", "analysis", "alerting")
# Who logs in at a broker with logins: programs, and one user for all systems that read what is documented.
BROKER_USERS = (*SERVICES, "gateway", "downstream")
BROKER_ADMINISTRATOR = "admin"
# Who encrypts what it stores, each with keys of its own. The workers of analysis have those of analysis.
ENCRYPTING = (*SERVICES, "backup")


class CommandError(Exception):
    """An error that the user can act on; printed without a traceback."""


def database_variable(service: str) -> str:
    return f"DINSIGHT_{service.upper()}_DATABASE_URL"


def signing_key_variable(service: str) -> str:
    """Where the signing keys of all services are listed together."""
    return f"DINSIGHT_{service.upper()}_EVENT_SIGNING_KEY"


def encryption_keys_variable(program: str) -> str:
    """Where the encryption keys of all programs are listed together."""
    return f"DINSIGHT_{program.upper()}_ENCRYPTION_KEYS"


def broker_password_variable(user: str) -> str:
    """The password with which a program logs in at the broker, where those of all are listed together."""
    return f"DINSIGHT_{user.upper()}_KAFKA_PASSWORD"


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

    def kafka(self) -> KafkaConnection:
        """Clients of the broker, with the login that the variables hold."""
        from shared.kafka.connection import KafkaConnection
        from shared.settings import InstallationSettings

        names = {name: f"DINSIGHT_{name.upper()}" for name in InstallationSettings.model_fields}
        given = {
            name: self.variables[variable] for name, variable in names.items() if self.variables.get(variable)
        }
        try:
            settings = InstallationSettings.model_validate({**given, "kafka_bootstrap": self.kafka_bootstrap})
        except ValueError as error:
            raise CommandError(str(error)) from error
        return KafkaConnection(settings, client_id="dinsight")

    @property
    def password_pepper(self) -> str:
        return self._variable(PASSWORD_PEPPER)

    @property
    def storage_url(self) -> str | None:
        """The object store; None where the services use their default."""
        return self.variables.get(STORAGE_URL) or None

    def encryption_keys(self, program: str) -> str:
        """The program's encryption keys: listed with those of others, or its own, or what all share."""
        own = encryption_keys_variable(program)
        return self.variables.get(own) or self.variables.get(ENCRYPTION_KEYS) or self._variable(own)

    def signing_key(self, service: str) -> str:
        """The key with which the service signs its events."""
        return self._variable(signing_key_variable(service))

    def broker_password(self, user: str) -> str:
        """The password that the user of the broker gets."""
        return self._variable(broker_password_variable(user))

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
    """Raises CommandError if a variable names a file that cannot be read."""
    try:
        return Installation(with_files(os.environ, "DINSIGHT_"))
    except SecretFileError as error:
        raise CommandError(str(error)) from error


# Where a command that needs no running server finds the installation in its context.
AT_REST = "dinsight.at_rest"


def at_rest(context: Context) -> Installation:
    """The installation of a command that also works while it is stopped."""
    find: Find = context.meta.get(AT_REST, context.obj)
    return find()
