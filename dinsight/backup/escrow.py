"""The escrow file: the keys and passwords without which backups are worthless, as lines NAME=value."""

from __future__ import annotations

import os
from pathlib import Path

from dinsight.backup.errors import BackupError
from dinsight.installation import (
    DATABASE_URL,
    ENCRYPTION_KEYS,
    PASSWORD_PEPPER,
    SERVICES,
    Installation,
    database_variable,
    signing_key_variable,
)

NEEDED = (ENCRYPTION_KEYS, PASSWORD_PEPPER)
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
    variables = installation.variables
    if missing := [name for name in NEEDED if not variables.get(name)]:
        raise BackupError(f"{' and '.join(missing)} must be set, so that the file can hold it.")
    names = [name for name in (*NEEDED, *USEFUL) if variables.get(name)]
    text = REMARK + "".join(f"{name}={variables[name]}\n" for name in names)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupError(f"{path} is there already; it is not overwritten.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return names


def read_escrow(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
    found = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    known = {name: value for name, value in found.items() if name in (*NEEDED, *USEFUL)}
    if ENCRYPTION_KEYS not in known:
        raise BackupError(f"{path} is no escrow file: it has no line {ENCRYPTION_KEYS}=...")
    return known


def with_escrow(installation: Installation, path: Path | None) -> Installation:
    """The installation with the keys of the file instead of its own."""
    if path is None:
        return installation
    return Installation({**installation.variables, **read_escrow(path)})
