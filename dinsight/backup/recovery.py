"""Restores a database cluster from the repository into a folder, to a point in time."""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from dinsight.backup.archive import archived
from dinsight.backup.context import binaries_for
from dinsight.backup.errors import BackupError, Damaged, Missing
from dinsight.backup.manifest import Manifest
from dinsight.backup.repository import Repository
from dinsight.backup.scratch import ScratchServer, ServerEnded, running
from dinsight.backup.targets import Target
from dinsight.backup.wal import ArchivedWal, Piece, Segment, parse_lsn
from dinsight.servers.account import Account
from dinsight.servers.external import run_tool, said_by

# How often the WAL is looked up anew, before what is missing counts as missing.
LOOKS = 5
WAL_FOLDER = "dinsight_restore_wal"
# PostgreSQL says this when nothing was committed after the wanted time: then the end of WAL is that time.
NOTHING_LATER = "recovery ended before configured recovery target was reached"
# For scratch servers, whose data nobody keeps.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

Say = Callable[[str], None]


def silent(_: str) -> None:
    pass


def unpack(
    repository: Repository, target: Target, folder: Path, account: Account | None, say: Say = silent
) -> None:
    """Fill the folder, which is there and empty, with the base backup and all WAL that recovery needs."""
    manifest = target.manifest
    _must_have_room(folder, manifest, target.wal)
    say(f"base backup {manifest.id}: {manifest.base_bytes / 2**20:.0f} MiB")
    _extract(repository, manifest, folder)
    _verify_files(manifest, folder)
    fetched = fetch_wal(repository, target, folder / WAL_FOLDER)
    say(f"WAL: {fetched} segments")
    (folder / "recovery.signal").touch(mode=0o600)
    folder.chmod(0o700)
    if account is not None:
        _give_to(account, folder)


def finish(folder: Path) -> None:
    """Remove what only recovery needed."""
    shutil.rmtree(folder / WAL_FOLDER)


@asynccontextmanager
async def recovered(
    target: Target, folder: Path, account: Account | None, options: Mapping[str, str]
) -> AsyncIterator[ScratchServer]:
    """The server of the unpacked folder after recovery; it is shut down at the end of the block."""
    where = {
        **options,
        "restore_command": f"cp {shlex.quote(str(folder / WAL_FOLDER))}/%f %p",
        "recovery_target_timeline": str(target.timeline),
        "recovery_target_action": "promote",
    }
    to: dict[str, str] = {}
    if target.immediate:
        to["recovery_target"] = "immediate"
    elif target.at is not None:
        to["recovery_target_time"] = target.at.isoformat(sep=" ")
    server = target.manifest.server
    binaries = binaries_for(server)
    async with AsyncExitStack() as stack:
        try:
            scratch = await stack.enter_async_context(
                running(folder, server, binaries, account, {**where, **to})
            )
        except ServerEnded as error:
            if NOTHING_LATER not in error.log or target.at is None:
                raise
            if target.gap or target.complete_at is None or target.at > target.complete_at:
                raise BackupError(
                    f"The WAL after the backup {target.manifest.id} does not lead to {target.at.isoformat()}."
                    f" `--backup {target.manifest.id}` restores that backup as it was."
                ) from error
            scratch = await stack.enter_async_context(running(folder, server, binaries, account, where))
        yield scratch


def fetch_wal(repository: Repository, target: Target, folder: Path) -> int:
    """Write the WAL from the backup's start on into a folder, checked. Returns the number of segments.

    Meanwhile the program `backup` may ship on, and replace pieces by others: then they are looked up anew.
    """
    folder.mkdir(mode=0o700)
    for _ in range(LOOKS):
        with suppress(Missing):
            return _fetch_wal(repository, target, folder)
        target = replace(target, wal=archived(repository, target.wal.size))
    return _fetch_wal(repository, target, folder)


def _fetch_wal(repository: Repository, target: Target, folder: Path) -> int:
    wal, manifest = target.wal, target.manifest
    for timeline in sorted(wal.parents):
        name = f"{timeline:08X}.history"
        (folder / name).write_bytes(repository.get(f"wal/{name}"))
    count = 0
    stop = parse_lsn(manifest.stop_lsn)
    for segment in wal.from_position(target.start, target.timeline):
        if target.immediate and segment.number * wal.size >= stop:
            return count
        count += 1
        name = segment.name(wal.size)
        if not (folder / name).exists():
            _fetch_segment(repository, name, wal.size, manifest.wal.get(name), folder / name)
    if not target.immediate:
        count += _fetch_tail(repository, wal, wal.tail_after(target.start, target.timeline), folder)
    return count


def _fetch_segment(repository: Repository, name: str, size: int, sha256: str | None, path: Path) -> None:
    digest = hashlib.sha256()
    scratch = path.with_suffix(".new")
    with scratch.open("wb") as file:
        for piece in repository.read(f"wal/{name}"):
            digest.update(piece)
            file.write(piece)
        written = file.tell()
    if written != size or (sha256 is not None and digest.hexdigest() != sha256):
        raise Damaged(f"wal/{name} is not the segment that it should be.")
    scratch.rename(path)


def _fetch_tail(repository: Repository, wal: ArchivedWal, segment: Segment, folder: Path) -> int:
    pieces = wal.tails.get(segment, [])
    if not pieces:
        return 0
    name = segment.name(wal.size)
    scratch = folder / f"{name}.new"
    with scratch.open("wb") as file:
        file.truncate(wal.size)
        for piece in sorted(pieces, key=lambda piece: piece.start):
            content = _read_piece(repository, piece, name)
            file.seek(piece.start)
            file.write(content)
    scratch.rename(folder / name)
    return 1


def _read_piece(repository: Repository, piece: Piece, segment: str) -> bytes:
    content = repository.get(piece.name(segment))
    if len(content) != piece.end - piece.start:
        raise Damaged(f"The length of {piece.name(segment)} does not match its name.")
    return content


def _extract(repository: Repository, manifest: Manifest, folder: Path) -> None:
    digest = hashlib.sha256()

    def content() -> Iterator[bytes]:
        for piece in repository.read(manifest.base):
            digest.update(piece)
            yield piece

    stream = _Stream(content())
    try:
        with tarfile.open(fileobj=io.BufferedReader(stream), mode="r|") as tar:
            tar.extractall(folder, filter="tar")
        # The padding after the archive's end belongs to the checksum too.
        stream.drain()
    except tarfile.TarError as error:
        raise Damaged(f"{manifest.base} is not a whole archive: {error}") from error
    if digest.hexdigest() != manifest.base_sha256:
        raise Damaged(f"{manifest.base} is damaged: its SHA-256 is not the manifest's.")


def _verify_files(manifest: Manifest, folder: Path) -> None:
    """Every file of the cluster against PostgreSQL's own manifest, with SHA-256."""
    verify = binaries_for(manifest.server).program("pg_verifybackup")
    ended = run_tool([verify, "--no-parse-wal", "--quiet", str(folder)])
    if ended.returncode != 0:
        raise Damaged(f"The base backup {manifest.id} is damaged: {said_by(ended)}")


def _must_have_room(folder: Path, manifest: Manifest, wal: ArchivedWal) -> None:
    needed = manifest.base_bytes + wal.size * len(wal.segments)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupError(
            f"Restoring {manifest.id} needs {needed / 2**20:.0f} MiB in {folder}, and {free / 2**20:.0f} MiB"
            " are free there."
        )


def _give_to(account: Account, folder: Path) -> None:
    os.chown(folder, account.uid, account.gid)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(place, name), account.uid, account.gid, follow_symlinks=False)


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that can be read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # io gives a buffer
        while not self._held:
            more = next(self._pieces, None)
            if more is None:
                return 0
            self._held = more
        count = min(len(view), len(self._held))
        view[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def drain(self) -> None:
        for _ in self._pieces:
            pass
