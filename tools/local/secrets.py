"""Passwords and keys of the local environment, generated once and kept in a file only its owner can read."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dinsight.installation import (
    BROKER_ADMINISTRATOR,
    BROKER_USERS,
    DATABASE_URL,
    ENCRYPTING,
    PASSWORD_PEPPER,
    SERVICES,
    broker_password_variable,
    database_variable,
    encryption_keys_variable,
    signing_key_variable,
)
from tools.local.errors import LocalError
from tools.local.layout import write_private

_PASSWORD_BYTES = 24
_KEY_BYTES = 32
# Secrets that files of older versions lack, and that can be made anew at any time.
ADDED = ("signing_keys", "broker_passwords")


@dataclass(frozen=True)
class LocalSecrets:
    """The secrets of the services."""

    postgres_password: str
    service_passwords: Mapping[str, str]
    password_pepper: str
    # Of each program that encrypts.
    encryption_keys: Mapping[str, str]
    # Each service's Ed25519 key, with which it signs its events.
    signing_keys: Mapping[str, str]
    # Of the administrator and of each user of Apache Kafka.
    broker_passwords: Mapping[str, str]

    @classmethod
    def generate(cls) -> LocalSecrets:
        return cls(
            postgres_password=secrets.token_urlsafe(_PASSWORD_BYTES),
            service_passwords={service: secrets.token_urlsafe(_PASSWORD_BYTES) for service in SERVICES},
            password_pepper=_key(),
            encryption_keys={program: f"{program}1:{_key()}" for program in ENCRYPTING},
            signing_keys={service: _key() for service in SERVICES},
            broker_passwords={
                user: secrets.token_urlsafe(_PASSWORD_BYTES) for user in (BROKER_ADMINISTRATOR, *BROKER_USERS)
            },
        )

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> LocalSecrets:
        """Those that the services' variables hold; passwords of the database may be made anew."""
        made = cls.generate()
        return cls(
            postgres_password=_password(variables.get(DATABASE_URL)) or made.postgres_password,
            service_passwords={
                service: _password(variables.get(database_variable(service))) or password
                for service, password in made.service_passwords.items()
            },
            password_pepper=variables.get(PASSWORD_PEPPER) or made.password_pepper,
            encryption_keys={
                program: variables.get(encryption_keys_variable(program)) or keys
                for program, keys in made.encryption_keys.items()
            },
            signing_keys={
                service: variables.get(signing_key_variable(service)) or key
                for service, key in made.signing_keys.items()
            },
            broker_passwords={
                user: variables.get(broker_password_variable(user)) or password
                for user, password in made.broker_passwords.items()
            },
        )

    @property
    def public_keys(self) -> str:
        """The public keys of the signing keys, as DINSIGHT_EVENT_PUBLIC_KEYS lists them."""
        from shared.events.signatures import public_key

        return ",".join(f"{service}:{public_key(key)}" for service, key in self.signing_keys.items())


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _password(dsn: str | None) -> str:
    return unquote(urlsplit(dsn or "").password or "")


def load_secrets(path: Path) -> LocalSecrets | None:
    """Return the secrets in this file; None if there is no file yet. What an older version lacks is new."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        made = asdict(LocalSecrets.generate())
        # Of an older version, whose programs shared their keys. They go on: an escrow file holds them.
        if isinstance(shared := stored.get("encryption_keys"), str):
            stored["encryption_keys"] = dict.fromkeys(ENCRYPTING, shared)
        return LocalSecrets(**{**{name: made[name] for name in ADDED}, **stored})
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise LocalError(f"{path} belongs to another user ({error}). Run as that user.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise LocalError(
            f"{path} is damaged ({error}). Restore it: it holds the passwords of the database."
        ) from error


def load_or_create_secrets(path: Path) -> LocalSecrets:
    """Read the secrets, and generate those that are missing."""
    known = load_secrets(path) or LocalSecrets.generate()
    text = json.dumps(asdict(known), indent=2) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_private(path, text)
    return known
