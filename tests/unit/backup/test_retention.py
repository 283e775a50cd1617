"""Seven daily, four weekly and twelve monthly backups stay, with what they need and nothing else."""

from datetime import timedelta

from dinsight.backup.manifest import Backup
from dinsight.backup.objects import StoredFile
from dinsight.backup.retention import expire, kept
from dinsight.backup.wal import Segment, show_lsn
from tests.unit.backup.examples import NOW, SIZE, a_backup, a_repository

DAY = timedelta(days=1)


def nightly(days: int) -> list[Backup]:
    """One backup a night up to now, each a segment after the one before."""
    return [
        a_backup(NOW - DAY * age, start=show_lsn(SIZE * (1000 - age) + 40)) for age in reversed(range(days))
    ]


def test_after_two_years_23_backups_or_fewer_are_left() -> None:
    stay = kept(nightly(730))
    ages = [(NOW - backup.manifest.ended_at).days for backup in stay]
    assert ages[-7:] == [6, 5, 4, 3, 2, 1, 0]
    # 2027-01-31 is a Sunday: the newest of each week is a Sunday's.
    assert {7, 14, 21} <= set(ages)
    # The last day of each of the last twelve months.
    assert max(ages) == 365 - 28
    assert len(stay) == 7 + 3 + 11
    assert kept(stay) == stay


def test_missed_nights_do_not_shorten_what_is_kept() -> None:
    weekly = [a_backup(NOW - 7 * DAY * age) for age in reversed(range(9))]
    assert len(kept(weekly)) >= 7


def test_the_last_verified_backup_stays_however_old() -> None:
    old = a_backup(NOW - 400 * DAY)
    unverified = [a_backup(NOW - DAY * age, verified=False) for age in reversed(range(10))]
    assert old in kept([old, *unverified])


def test_all_backups_of_the_last_day_stay() -> None:
    """One from before a restore is the way back, should the restore have been a mistake."""
    hourly = [a_backup(NOW - timedelta(hours=age)) for age in reversed(range(48))]
    ages = [NOW - backup.manifest.ended_at for backup in kept(hourly)]
    assert ages[-24:] == [timedelta(hours=age) for age in reversed(range(24))]
    assert len(ages) <= 26


def test_what_expired_backups_needed_goes_and_what_others_need_stays() -> None:
    repository = a_repository()
    backups = nightly(60)
    for backup in backups:
        backup.manifest.write(repository)
        repository.put(backup.manifest.base, b"base")
    for number in range(930, 1003):
        repository.put(f"wal/{Segment(1, number).name(SIZE)}", b"")
    repository.put("wal/00000002.history", b"")
    repository.put(f"tail/{Segment(1, 900).name(SIZE)}@0-9", b"")
    old = StoredFile.of("a", NOW - 50 * DAY)
    new = StoredFile.of("b", NOW - DAY)
    for file in (old, new):
        repository.put(file.name, b"")
    gone = expire(repository, backups)
    stay = kept(backups)
    assert sorted(gone) == sorted({b.manifest.id for b in backups} - {b.manifest.id for b in stay})
    assert {name.split("/")[1] for name in repository.list("backups")} == {b.manifest.id for b in stay}
    # All WAL from the seventh daily backup on; of the older ones, what each needs by itself.
    daily = {f"wal/{Segment(1, number).name(SIZE)}" for number in range(994, 1003)}
    single = {f"wal/{name}" for backup in stay for name in backup.manifest.wal}
    single &= {f"wal/{Segment(1, number).name(SIZE)}" for number in range(930, 1003)}
    assert set(repository.list("wal")) == daily | single | {"wal/00000002.history"}
    assert list(repository.list("tail")) == []
    assert list(repository.list("objects")) == [new.name]
    assert expire(repository, stay) == []
