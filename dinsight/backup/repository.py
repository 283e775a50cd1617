"""The repository: a folder or an object store that holds the sealed files of backups.

    <cluster>/backups/<id>/base        the tar of a base backup
    <cluster>/backups/<id>/manifest    what the backup consists of; written last
    <cluster>/backups/<id>/verified    when and how it was verified
    <cluster>/wal/<segment>            a complete WAL segment, or a timeline's history
    <cluster>/tail/<segment>@<from>-<to>   bytes of the segment that is being written
    <cluster>/position                 the time up to which everything written is in the repository
    <cluster>/objects/<key>@<modified>   a file of the object store

`<cluster>` is PostgreSQL's system identifier, so two clusters never mix. Blocks: used in threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from dinsight.backup.errors import BackupError, Missing
from dinsight.backup.sealed import Sealer
from shared.secret_files import FILE_SUFFIX, store_credentials, with_files

# The store's credentials, where they differ from those of the installation's own object store.
CREDENTIALS_PREFIX = "DINSIGHT_BACKUP_AWS_"
PART_BYTES = 8 * 2**20
PARTS_IN_FLIGHT = 2
READ_BYTES = 2**20


def open_store(url: str, environ: Mapping[str, str], *, create: bool = True) -> ObjectStore:
    """`file:///folder`, `s3://bucket/prefix` or `memory:///`."""
    given = store_credentials(environ) | {
        name.removeprefix("DINSIGHT_BACKUP_").lower(): value
        for name, value in with_files(environ, CREDENTIALS_PREFIX).items()
        if name.startswith(CREDENTIALS_PREFIX) and value and not name.endswith(FILE_SUFFIX)
    }
    try:
        if url.startswith("file://"):
            return from_url(url, mkdir=create, automatic_cleanup=True)
        # An option of the client, which obstore does not accept among those of the store.
        allow_http = given.pop("aws_allow_http", "").lower() == "true"
        options: dict[str, Any] = {"config": given} if given else {}
        if allow_http:
            options["client_options"] = {"allow_http": True}
        return from_url(url, **options)
    except (BaseError, OSError, ValueError) as error:
        raise BackupError(f"The repository {url} cannot be opened: {error}") from error


class Repository:
    """The files of one cluster. Names are relative to the cluster."""

    def __init__(self, store: ObjectStore, url: str, cluster: str, sealer: Sealer) -> None:
        self._store = store
        self._url = url
        self.cluster = cluster
        self._sealer = sealer

    def __str__(self) -> str:
        return f"{self._url} (cluster {self.cluster})"

    def write(self, name: str, content: Iterable[bytes], *, compress: bool = True) -> int:
        """Write a file whole or not at all; returns its size there."""
        path = self._path(name)
        with self._failing("written", name):
            return write_pieces(self._store, path, self._sealer.seal(path, content, compress=compress))

    def put(self, name: str, content: bytes) -> None:
        """Write a small file in one request."""
        path = self._path(name)
        with self._failing("written", name):
            obstore.put(self._store, path, b"".join(self._sealer.seal(path, [content])), use_multipart=False)

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file. Raises Damaged, its kind Missing, and WrongKey."""
        path = self._path(name)
        with self._failing("read", name):
            stored = obstore.get(self._store, path).stream(min_chunk_size=READ_BYTES)
            yield from self._sealer.unseal(path, (bytes(piece) for piece in stored))

    def get(self, name: str) -> bytes:
        return b"".join(self.read(name))

    def list(self, folder: str) -> dict[str, int]:
        """Names in a folder and below, in order, with the sizes of the files there."""
        whole = f"{self.cluster}/"
        with self._failing("listed", folder):
            found = {
                item["path"].removeprefix(whole): item["size"]
                for batch in obstore.list(self._store, whole + folder)
                for item in batch
            }
        return dict(sorted(found.items()))

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            with self._failing("deleted", name):
                try:
                    obstore.delete(self._store, self._path(name))
                except FileNotFoundError:
                    continue

    def _path(self, name: str) -> str:
        return f"{self.cluster}/{name}"

    @contextmanager
    def _failing(self, what: str, name: str) -> Iterator[None]:
        """Errors of the store in words; a full or read-only store says so itself."""
        try:
            yield
        except FileNotFoundError as error:
            raise Missing(f"{name} is missing in the repository {self}.") from error
        except (BaseError, OSError) as error:
            raise BackupError(f"{name} cannot be {what} in the repository {self}: {_short(error)}") from error


def write_pieces(store: ObjectStore, path: str, pieces: Iterable[bytes]) -> int:
    """Write an object whole, or not at all where the pieces end in an error; returns its size.

    The pieces may come from a store, too: obstore's `put` must not be given such an iterator.
    """
    written = 0
    writer = obstore.open_writer(store, path, buffer_size=PART_BYTES, max_concurrency=PARTS_IN_FLIGHT)
    for piece in pieces:
        written += writer.write(piece)
    # Without this, the object does not come to be.
    writer.close()
    return written


def clusters(store: ObjectStore, url: str) -> list[str]:
    """The clusters that have files in the repository."""
    try:
        found = obstore.list_with_delimiter(store)["common_prefixes"]
    except (BaseError, OSError) as error:
        raise BackupError(f"The repository {url} cannot be read: {_short(error)}") from error
    return sorted(prefix.strip("/") for prefix in found)


def _short(error: Exception) -> str:
    """The first lines: obstore adds the whole request, which nobody needs."""
    return os.linesep.join(str(error).strip().splitlines()[:3])
