"""What every step of a backup works with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from obstore.store import ObjectStore

from dinsight.backup.archive import Position, read_position
from dinsight.backup.errors import BackupError
from dinsight.backup.manifest import Server
from dinsight.backup.repository import Repository, clusters, open_store
from dinsight.backup.sealed import Sealer
from dinsight.installation import Installation
from dinsight.servers.postgres import PostgresBinaries, find_binaries

BACKUP_URL = "DINSIGHT_BACKUP_URL"
SPOOL = "DINSIGHT_BACKUP_SPOOL"
STORAGE_URL = "DINSIGHT_STORAGE_URL"
DEFAULT_SPOOL = "/var/lib/dinsight/spool"
# An installation whose backups are somebody else's work.
NO_BACKUPS = "none"
NEVER = Position(datetime.min.replace(tzinfo=UTC), "", 0)


@dataclass(frozen=True)
class BackupContext:
    """Where an installation's backups go, and what they consist of."""

    url: str
    sealer: Sealer
    spool: Path
    storage_url: str
    environ: Mapping[str, str]

    @classmethod
    def of(cls, installation: Installation) -> BackupContext:
        variables = installation.variables
        url = variables.get(BACKUP_URL) or NO_BACKUPS
        if url == NO_BACKUPS:
            raise BackupError(
                f"This installation has no repository: set {BACKUP_URL} to file:///folder or s3://bucket/prefix."
            )
        return cls(
            url=url,
            sealer=Sealer(installation.encryption_keys("backup")),
            spool=Path(variables.get(SPOOL) or DEFAULT_SPOOL),
            storage_url=variables.get(STORAGE_URL) or "file:///var/lib/dinsight/storage",
            environ=variables,
        )

    def repository(self, cluster: str) -> Repository:
        return Repository(open_store(self.url, self.environ), self.url, cluster, self.sealer)

    def chosen(self, cluster: str | None) -> Repository:
        """The named cluster's part of the repository; else that of the one that was archived last."""
        known = clusters_of(self)
        if cluster is not None and cluster not in known:
            raise BackupError(f"{self.url} has no cluster {cluster!r}; there are: {', '.join(known)}.")
        candidates = [self.repository(name) for name in ([cluster] if cluster else known)]
        positions = {repository: read_position(repository) for repository in candidates}
        return max(candidates, key=lambda repository: (positions[repository] or NEVER).at)

    def storage(self) -> ObjectStore:
        return open_store(self.storage_url, {})


def clusters_of(place: BackupContext) -> list[str]:
    """The database clusters of the repository, which has some."""
    found = clusters(open_store(place.url, place.environ, create=False), place.url)
    if not found:
        raise BackupError(f"The repository {place.url} contains no backups.")
    return found


def binaries_for(server: Server) -> PostgresBinaries:
    """PostgreSQL's programs of the server's own version: others cannot read its data or its WAL."""
    found = find_binaries(os.environ.get("PATH", os.defpath))
    for binaries in found:
        if binaries.major == server.major:
            return binaries
    installed = ", ".join(str(binaries.major) for binaries in found) or "none"
    raise BackupError(
        f"The server is PostgreSQL {server.major}, and its programs are not installed here (found:"
        f" {installed}). Install the package postgresql-{server.major}, or run this where the server runs."
    )
