"""The unprivileged user that runs PostgreSQL when this command is run by root, which PostgreSQL refuses."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from dinsight.installation import CommandError

# Debian's package creates `postgres`; `nobody` is everywhere.
_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An operating-system user that a program runs as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the unprivileged user that servers run as when root starts them; None for any other caller."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise CommandError(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody. "
        "Create one (adduser --system postgres), or set DINSIGHT_DATABASE_URL to an external server."
    )
