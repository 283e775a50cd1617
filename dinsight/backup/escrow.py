"""The escrow file: the keys and passwords without which backups are worthless, as lines NAME=value."""

from __future__ import annotations

import os
from pathlib import Path

from dinsight.backup.errors import BackupError
from dinsight.installation import (
    DATABASE_URL,
    ENCRYPTING,
    PASSWORD_PEPPER,
    SERVICES,
    CommandError,
    Installation,
    database_variable,
    encryption_keys_variable,
    signing_key_variable,
)

USEFUL = (
    DATABASE_URL,
    *(database_variable(service) for service in SERVICES),
    *(signing_key_variable(service) for service in SERVICES),
)
REMARK = """\
# Keys and passwords of a DInsight installation, for `dinsight restore --keys`. Whoever has this file and a
# backup has all data: keep it apart from both the backups and the machine.
"""


def write_escrow(installation: Installation, path: Path) -> list[str]:
    """Write a new file that only its owner can read. Returns the names in it."""
    held = {**_encryption_keys(installation), PASSWORD_PEPPER: installation.password_pepper}
    held |= {name: value for name in USEFUL if (value := installation.variables.get(name))}
    text = REMARK + "".join(f"{name}={value}\n" for name, value in held.items())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupError(f"{path} already exists and is not overwritten. Name a new file.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return list(held)


def read_escrow(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
    found = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    known = {name: value for name, value in found.items() if name in (PASSWORD_PEPPER, *USEFUL)}
    try:
        return {**known, **_encryption_keys(Installation(found))}
    except CommandError as error:
        raise BackupError(f"{path} is not an escrow file: {error}") from error


def _encryption_keys(installation: Installation) -> dict[str, str]:
    return {encryption_keys_variable(name): installation.encryption_keys(name) for name in ENCRYPTING}


def with_escrow(installation: Installation, path: Path | None) -> Installation:
    """The installation with the keys of the file instead of its own."""
    if path is None:
        return installation
    return Installation({**installation.variables, **read_escrow(path)})
