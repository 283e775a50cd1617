"""Which backups are kept, and what else of the repository goes with those that are not."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import date, timedelta

from dinsight.backup.manifest import Backup
from dinsight.backup.objects import FOLDER, StoredFile
from dinsight.backup.repository import Repository
from dinsight.backup.wal import SEGMENT, Segment, parse_lsn
from shared.backups import KEEP_DAILY, KEEP_MONTHLY, KEEP_WEEKLY

# The time before the last backup of which every one is kept.
ALL_OF = timedelta(days=1)


def _week(day: date) -> Hashable:
    return tuple(day.isocalendar())[:2]


def _newest_of_each(
    backups: Sequence[Backup], period: Callable[[date], Hashable], count: int
) -> list[Backup]:
    newest = {period(backup.manifest.ended_at.date()): backup for backup in backups}
    return list(newest.values())[-count:]


def daily(backups: Sequence[Backup]) -> list[Backup]:
    """Those between which every second can be restored. `backups` are in order, oldest first."""
    verified = [backup for backup in backups if backup.verified][-1:]
    # After a restore or a gap there are several on one day, and the first of them may still be needed.
    recent = [
        backup for backup in backups if backup.manifest.ended_at > backups[-1].manifest.ended_at - ALL_OF
    ]
    return [*_newest_of_each(backups, lambda day: day, KEEP_DAILY), *verified, *recent]


def kept(backups: Sequence[Backup]) -> list[Backup]:
    """The newest of each of the last days, weeks and months with a backup, and the last verified one."""
    chosen = [
        *daily(backups),
        *_newest_of_each(backups, _week, KEEP_WEEKLY),
        *_newest_of_each(backups, lambda day: (day.year, day.month), KEEP_MONTHLY),
    ]
    ids = {backup.manifest.id for backup in chosen}
    return [backup for backup in backups if backup.manifest.id in ids]


def expire(repository: Repository, backups: Sequence[Backup]) -> list[str]:
    """Delete what no kept backup needs. Returns the ids of the deleted backups. Safe to repeat."""
    keep = kept(backups)
    if not keep:
        return []
    ids = {backup.manifest.id for backup in keep}
    gone = [backup.manifest for backup in backups if backup.manifest.id not in ids]
    for manifest in gone:
        # First the manifest: what is half deleted is no backup any more.
        repository.delete([f"{manifest.folder}/manifest", f"{manifest.folder}/verified", manifest.base])
    _expire_wal(repository, keep, daily(backups))
    _expire_objects(repository, keep, daily(backups))
    return [manifest.id for manifest in gone]


def _expire_wal(repository: Repository, keep: Sequence[Backup], days: Sequence[Backup]) -> None:
    size = keep[-1].manifest.server.segment_bytes
    first = min(parse_lsn(backup.manifest.start_lsn) // size for backup in days)
    needed = {name for backup in keep for name in backup.manifest.wal}

    def is_old(name: str) -> bool:
        segment = name.rpartition("/")[2].partition("@")[0]
        if not SEGMENT.fullmatch(segment) or segment in needed:
            return False
        return Segment.named(segment, size).number < first

    repository.delete([name for name in repository.list("wal") if is_old(name)])
    repository.delete([name for name in repository.list("tail") if is_old(name)])


def _expire_objects(repository: Repository, keep: Sequence[Backup], days: Sequence[Backup]) -> None:
    needed = {name for backup in keep for name in backup.manifest.objects}
    since = min(backup.manifest.started_at for backup in days)
    repository.delete(
        name
        for name in repository.list(FOLDER)
        if name not in needed and StoredFile.named(name).modified < since
    )
