"""Chooses what a point in time is restored from, and says what can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dinsight.backup.archive import archived, read_position
from dinsight.backup.errors import BackupError
from dinsight.backup.manifest import Backup, Manifest
from dinsight.backup.repository import Repository
from dinsight.backup.wal import ArchivedWal, parse_lsn

LATEST = "latest"


@dataclass(frozen=True)
class Target:
    """Restore `manifest`, then WAL of `timeline` up to `at`; None: to its end, or to the backup's own."""

    manifest: Manifest
    wal: ArchivedWal
    timeline: int
    at: datetime | None
    # The repository has everything that was written before.
    complete_at: datetime | None
    # Without WAL beyond the backup, which is restored as it was when it ended.
    immediate: bool = False
    # Between the backup and the end of the archive WAL is missing, or has expired.
    gap: bool = False

    @property
    def start(self) -> int:
        return parse_lsn(self.manifest.start_lsn)


def parse_time(text: str) -> datetime | None:
    """A point in time with its offset from UTC; None for `latest`."""
    if text == LATEST:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BackupError(
            f"{text!r} is not a time: write it like 2027-01-31T12:00:00Z, or `latest`."
        ) from error
    if at.tzinfo is None:
        raise BackupError(f"{text!r} does not say in which time zone: write {text}Z for UTC.")
    return at.astimezone(UTC)


def choose(repository: Repository, backups: Sequence[Backup], at: datetime | None) -> Target:
    """The newest backup before `at` from which the WAL leads there."""
    if not backups:
        raise BackupError(
            f"The repository {repository} has no whole backup. `dinsight backup run` makes one."
        )
    position = read_position(repository)
    complete_at = None if position is None else position.at
    if at is not None:
        _must_be_restorable(backups, at, complete_at)
    wal = archived(repository, backups[-1].manifest.server.segment_bytes)
    timeline = wal.newest_timeline()
    if position is not None:
        wal.must_have_piece(position.segment, position.end)
    before = [backup.manifest for backup in backups if at is None or backup.manifest.ended_at <= at]
    for manifest in reversed(before):
        if wal.is_ancestor(manifest.timeline, parse_lsn(manifest.stop_lsn), timeline):
            start = parse_lsn(manifest.start_lsn)
            wal.must_reach(start, parse_lsn(manifest.stop_lsn), timeline)
            gap = wal.has_gap(start, timeline)
            if gap and at is None:
                wal.must_reach(start, wal.newest(timeline), timeline)
            return Target(manifest, wal, timeline, at, complete_at, gap=gap)
    limit = "" if at is None else f" before {at.isoformat()}"
    raise BackupError(
        f"None of the backups{limit} leads to the newest timeline of the WAL: the database has been restored"
        " to an earlier state since. `--backup ID` restores one of them as it was."
    )


def choose_backup(repository: Repository, backups: Sequence[Backup], id_: str) -> Target:
    """One backup as it was when it ended: what remains of those whose WAL has expired."""
    for backup in backups:
        if backup.manifest.id == id_:
            manifest = backup.manifest
            wal = archived(repository, manifest.server.segment_bytes)
            return Target(manifest, wal, manifest.timeline, None, None, immediate=True)
    known = ", ".join(backup.manifest.id for backup in backups) or "none"
    raise BackupError(f"No backup has the id {id_!r}; there are: {known}.")


def _must_be_restorable(backups: Sequence[Backup], at: datetime, complete_at: datetime | None) -> None:
    first = backups[0].manifest.ended_at
    if at < first:
        raise BackupError(
            f"{at:%Y-%m-%dT%H:%M:%SZ} is before the first backup, which ended at {first.isoformat()}:"
            " nothing older can be restored."
        )
    if at > datetime.now(UTC):
        raise BackupError(f"{at:%Y-%m-%dT%H:%M:%SZ} lies in the future. `--to latest` restores all there is.")
    if complete_at is not None and at > complete_at:
        raise BackupError(
            f"The archive ends at {complete_at.isoformat()}, before {at.isoformat()}."
            " `--to latest` restores all there is."
        )
