"""Takes a base backup: the files of the object store, the database by `pg_basebackup`, and the manifest."""

from __future__ import annotations

import asyncio
import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from dinsight.backup.archive import archived, segment_digest
from dinsight.backup.context import BackupContext, binaries_for
from dinsight.backup.database import alone, connected, describe, environment, migrations
from dinsight.backup.errors import BackupError
from dinsight.backup.manifest import Manifest, Server, backup_id
from dinsight.backup.objects import ObjectCopies
from dinsight.backup.repository import READ_BYTES, Repository
from dinsight.backup.wal import ArchivedWal, parse_lsn

# What the server wrote while it was copied must arrive; the program beside it ships every second.
WAL_SECONDS = 300.0
POLL_SECONDS = 0.5
LONGEST_REASON = 1000
# PostgreSQL's manifest is the tar's last file, and this is at its end.
END_BYTES = 8192
RANGE = re.compile(
    rb'"Timeline": (?P<timeline>\d+), "Start-LSN": "(?P<start>[0-9A-F/]+)", "End-LSN": "(?P<stop>[0-9A-F/]+)"'
)


@dataclass(frozen=True)
class _Base:
    timeline: int
    start_lsn: str
    stop_lsn: str
    bytes: int
    stored_bytes: int
    sha256: str


async def take_backup(dsn: str, place: BackupContext) -> Manifest:
    """A new backup; its WAL must be shipped meanwhile. One that is killed anywhere has no manifest."""
    async with connected(dsn) as connection, alone(connection):
        started_at = datetime.now(UTC)
        server = await describe(connection)
        repository = place.repository(server.cluster)
        await asyncio.to_thread(_remove_interrupted, repository)
        id_ = backup_id(started_at)
        copies = ObjectCopies(place.storage(), repository)
        objects = await asyncio.to_thread(copies.copy_new)
        schema = await migrations(connection)
        base = await asyncio.to_thread(_copy_base, dsn, server, repository, f"backups/{id_}/base")
        wal = await _wal_of(repository, server, base)
        manifest = Manifest(
            id=id_,
            started_at=started_at,
            ended_at=datetime.now(UTC),
            timeline=base.timeline,
            start_lsn=base.start_lsn,
            stop_lsn=base.stop_lsn,
            server=server,
            migrations=schema,
            base_bytes=base.bytes,
            base_stored_bytes=base.stored_bytes,
            base_sha256=base.sha256,
            wal=wal,
            objects=objects,
        )
        await asyncio.to_thread(manifest.write, repository)
        return manifest


def _remove_interrupted(repository: Repository) -> None:
    """Backups without a manifest: nobody else is at work on one, as the lock is ours."""
    names = repository.list("backups")
    whole = {name.split("/")[1] for name in names if name.endswith("/manifest")}
    repository.delete(name for name in names if name.split("/")[1] not in whole)


def _copy_base(dsn: str, server: Server, repository: Repository, name: str) -> _Base:
    command = [
        binaries_for(server).program("pg_basebackup"),
        "--pgdata=-",
        "--format=tar",
        "--wal-method=none",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
        "--no-password",
    ]
    digest, size, end = hashlib.sha256(), 0, b""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
            command, env=environment(dsn), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )

        def content() -> Iterator[bytes]:
            nonlocal size, end
            assert process.stdout is not None
            while piece := process.stdout.read(READ_BYTES):
                digest.update(piece)
                size += len(piece)
                end = (end + piece)[-END_BYTES:]
                yield piece
            # An error here ends the writing: no half backup appears in the repository.
            if process.wait() != 0:
                raise BackupError(f"pg_basebackup failed: {_told(said)}")

        try:
            with process:
                stored = repository.write(name, content())
        except BaseException:
            process.kill()
            raise
    ranges = list(RANGE.finditer(end))
    if not ranges:
        raise BackupError("pg_basebackup did not say where the backup begins and ends.")
    first, last = ranges[0], ranges[-1]
    return _Base(
        int(last["timeline"]),
        first["start"].decode(),
        last["stop"].decode(),
        size,
        stored,
        digest.hexdigest(),
    )


def _told(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace").strip()[-LONGEST_REASON:]


async def _wal_of(repository: Repository, server: Server, base: _Base) -> dict[str, str]:
    """SHA-256 of the segments that the base backup needs, once they have arrived."""
    start, stop = parse_lsn(base.start_lsn), parse_lsn(base.stop_lsn)
    try:
        async with asyncio.timeout(WAL_SECONDS):
            # The server completes the segment in which a backup ends.
            while True:
                wal = await asyncio.to_thread(archived, repository, server.segment_bytes)
                if wal.complete_end(start, base.timeline) >= stop:
                    break
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise BackupError(
            f"The WAL up to {base.stop_lsn} has not arrived in the repository after {WAL_SECONDS:.0f} s."
            " The program `backup` ships it: see its log."
        ) from None
    return await asyncio.to_thread(_digests, repository, wal, start, stop, base.timeline)


def _digests(
    repository: Repository, wal: ArchivedWal, start: int, stop: int, timeline: int
) -> dict[str, str]:
    names = [
        segment.name(wal.size)
        for segment in wal.from_position(start, timeline)
        if segment.number * wal.size < stop
    ]
    return {name: segment_digest(repository, name) for name in names}
