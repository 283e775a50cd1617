"""The manifest of a backup: everything that it consists of, with SHA-256, and what it was made from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from dinsight.backup.errors import Damaged
from dinsight.backup.repository import Repository

ID_FORMAT = "%Y%m%dT%H%M%S%fZ"
FORMAT = 1


@dataclass(frozen=True)
class Server:
    """What a server must be like to run the restored data."""

    cluster: str
    major: int
    version: str
    segment_bytes: int
    libraries: str
    user: str
    database: str


@dataclass(frozen=True)
class Manifest:
    """Sizes are in bytes. `base_sha256` is that of the tar; `wal` has SHA-256 by segment."""

    id: str
    started_at: datetime
    ended_at: datetime
    timeline: int
    start_lsn: str
    stop_lsn: str
    server: Server
    # The newest migration of each service's schema.
    migrations: dict[str, str]
    base_bytes: int
    base_stored_bytes: int
    base_sha256: str
    wal: dict[str, str]
    # Names in `objects/`, which hold key, time and SHA-256, with the size of the file.
    objects: dict[str, int]
    format: int = FORMAT

    @property
    def folder(self) -> str:
        return f"backups/{self.id}"

    @property
    def base(self) -> str:
        return f"{self.folder}/base"

    def write(self, repository: Repository) -> None:
        content = json.dumps(asdict(self), default=_text, indent=1)
        repository.put(f"{self.folder}/manifest", content.encode())


@dataclass(frozen=True)
class Verification:
    """How and when a backup was verified. `how` is `restored` or `read`."""

    at: datetime
    how: str
    seconds: float

    def write(self, repository: Repository, manifest: Manifest) -> None:
        content = json.dumps(asdict(self), default=_text)
        repository.put(f"{manifest.folder}/verified", content.encode())


@dataclass(frozen=True)
class Backup:
    """A whole backup in the repository."""

    manifest: Manifest
    verified: Verification | None


def backup_id(started_at: datetime) -> str:
    return started_at.astimezone(UTC).strftime(ID_FORMAT)


def read_manifest(repository: Repository, id_: str) -> Manifest:
    """Raises Damaged, also for a backup that was never completed."""
    stored = _json(repository, f"backups/{id_}/manifest")
    try:
        return Manifest(
            **{
                **stored,
                "server": Server(**stored["server"]),
                "started_at": datetime.fromisoformat(stored["started_at"]),
                "ended_at": datetime.fromisoformat(stored["ended_at"]),
            }
        )
    except (TypeError, KeyError, ValueError) as error:
        raise Damaged(f"The manifest of {id_} has another format: {error}") from error


def read_backups(repository: Repository) -> list[Backup]:
    """All whole backups, oldest first; what was interrupted has no manifest."""
    names = repository.list("backups")
    found = []
    for id_ in sorted({name.split("/")[1] for name in names}):
        if f"backups/{id_}/manifest" not in names:
            continue
        verified = None
        if f"backups/{id_}/verified" in names:
            stored = _json(repository, f"backups/{id_}/verified")
            verified = Verification(datetime.fromisoformat(stored["at"]), stored["how"], stored["seconds"])
        found.append(Backup(read_manifest(repository, id_), verified))
    return found


def _json(repository: Repository, name: str) -> Any:
    return json.loads(repository.get(name))


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
