"""Copies the files of the object store, which are written once and never changed, into the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from dinsight.backup.errors import BackupError, Damaged
from dinsight.backup.repository import READ_BYTES, Repository, write_pieces

FOLDER = "objects"
TIME_FORMAT = "%Y%m%dT%H%M%S%fZ"


# Earlier repositories tell the digest of the plain file, too, by which anybody recognizes a file they have.
DIGEST = re.compile("@[0-9a-f]{64}$")


@dataclass(frozen=True)
class StoredFile:
    """One version of a file of the object store, and its name in the repository."""

    key: str
    modified: datetime
    name: str

    @classmethod
    def of(cls, key: str, modified: datetime) -> StoredFile:
        return cls(key, modified, f"{FOLDER}/{key}@{modified.astimezone(UTC):{TIME_FORMAT}}")

    @classmethod
    def named(cls, name: str) -> StoredFile:
        key, modified = DIGEST.sub("", name).removeprefix(f"{FOLDER}/").rsplit("@", 1)
        return cls(key, datetime.strptime(modified, TIME_FORMAT).replace(tzinfo=UTC), name)

    @property
    def tells_digest(self) -> bool:
        return DIGEST.search(self.name) is not None


class ObjectCopies:
    """The copies in the repository; remembers what is there, so that a round asks for new files only."""

    def __init__(self, store: ObjectStore, repository: Repository) -> None:
        self._store = store
        self._repository = repository
        # Names in the repository by key and time.
        self._known: dict[tuple[str, datetime], str] | None = None

    def copy_new(self) -> dict[str, int]:
        """Copy every file that is not in the repository. Returns the names of all, with their sizes.

        A file that disappears meanwhile was deleted after the change that made it superfluous.
        """
        known = self._load()
        present: dict[str, int] = {}
        for key, modified, size in self._listed():
            if (key, modified) not in known:
                try:
                    known[key, modified] = self._copy(key, modified)
                except FileNotFoundError:
                    continue
            present[known[key, modified]] = size
        return present

    def forget(self) -> None:
        """Look into the repository again: somebody else may have deleted from it."""
        self._known = None

    def _load(self) -> dict[tuple[str, datetime], str]:
        if self._known is None:
            files = map(StoredFile.named, self._repository.list(FOLDER))
            # Those that tell a digest are copied once more, and expire with the backups that name them.
            self._known = {(file.key, file.modified): file.name for file in files if not file.tells_digest}
        return self._known

    def _listed(self) -> Iterator[tuple[str, datetime, int]]:
        with _store_errors():
            for batch in obstore.list(self._store):
                for item in batch:
                    yield item["path"], item["last_modified"], item["size"]

    def _copy(self, key: str, modified: datetime) -> str:
        file = StoredFile.of(key, modified)
        self._repository.write(file.name, self._read(key))
        return file.name

    def _read(self, key: str) -> Iterator[bytes]:
        with _store_errors():
            for piece in obstore.get(self._store, key).stream(min_chunk_size=READ_BYTES):
                yield bytes(piece)


def choose_files(
    present: dict[str, int], all_names: list[str], since: datetime, until: datetime | None
) -> list[StoredFile]:
    """The files of a point in time: those present when the backup began, and those written after it.

    Of several versions of a key the newest counts. Files that were deleted in between come back, and the
    janitors of the services delete what nothing refers to.
    """
    chosen: dict[str, StoredFile] = {}
    for file in sorted(map(StoredFile.named, all_names), key=lambda file: file.modified):
        later = file.modified >= since and (until is None or file.modified <= until)
        if file.name in present or later:
            chosen[file.key] = file
    missing = set(present) - set(all_names)
    if missing:
        raise Damaged(f"{len(missing)} files of the object store are missing: {min(missing)}, ...")
    return list(chosen.values())


def put_back(repository: Repository, file: StoredFile, store: ObjectStore) -> None:
    with _store_errors():
        write_pieces(store, file.key, repository.read(file.name))


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        raise BackupError(f"The object store (DINSIGHT_STORAGE_URL): {error}") from error
