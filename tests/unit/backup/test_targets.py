"""What can be restored is chosen; what cannot is refused with what is possible."""

from datetime import UTC, datetime, timedelta

import pytest

from dinsight.backup.archive import Archive
from dinsight.backup.errors import BackupError, Damaged
from dinsight.backup.manifest import Backup
from dinsight.backup.repository import Repository
from dinsight.backup.targets import choose, choose_backup, parse_time
from dinsight.backup.wal import Segment, show_lsn
from tests.unit.backup.examples import SIZE, a_backup, a_repository

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(number: int) -> str:
    return show_lsn(number * SIZE + 40)


@pytest.fixture
def backups() -> list[Backup]:
    """At eleven and at noon; the archive is complete until one o'clock."""
    return [a_backup(NOON - HOUR, start=at(2)), a_backup(NOON, start=at(4))]


@pytest.fixture
def repository(tmp_path: object) -> Repository:
    made = a_repository()
    for number in range(2, 7):
        made.put(f"wal/{Segment(1, number).name(SIZE)}", b"")
    Archive(made, tmp_path).note_position(NOON + HOUR)  # type: ignore[arg-type]  # not used
    return made


def test_times_say_their_zone() -> None:
    assert parse_time("2027-01-31T12:00:00Z") == datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert parse_time("2027-01-31T13:00:00+01:00") == datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert parse_time("latest") is None
    with pytest.raises(BackupError, match="2027-01-31T12:00:00Z for UTC"):
        parse_time("2027-01-31T12:00:00")
    with pytest.raises(BackupError, match="'noon' is not a time"):
        parse_time("noon")


def test_the_newest_backup_before_the_time_is_chosen(repository: Repository, backups: list[Backup]) -> None:
    assert choose(repository, backups, NOON).manifest == backups[1].manifest
    assert choose(repository, backups, NOON - timedelta(seconds=1)).manifest == backups[0].manifest
    assert choose(repository, backups, None).manifest == backups[1].manifest


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        (NOON - 2 * HOUR, "before the first backup, which ended at 2026-01-31T11:00:00"),
        (NOON + 2 * HOUR, "The archive ends at 2026-01-31T13:00:00"),
        (datetime.now(UTC) + HOUR, "lies in the future"),
    ],
)
def test_other_times_are_refused(
    wanted: datetime, answer: str, repository: Repository, backups: list[Backup]
) -> None:
    with pytest.raises(BackupError, match=answer):
        choose(repository, backups, wanted)


def test_an_empty_repository_is_said_to_be_empty(repository: Repository) -> None:
    with pytest.raises(BackupError, match="has no whole backup"):
        choose(repository, [], None)


def test_missing_wal_is_noticed(repository: Repository, backups: list[Backup]) -> None:
    repository.delete([f"wal/{Segment(1, 5).name(SIZE)}"])
    assert choose(repository, backups, NOON).gap
    with pytest.raises(Damaged, match="WAL is missing in the repository"):
        choose(repository, backups, None)
    repository.delete([f"wal/{Segment(1, 4).name(SIZE)}"])
    with pytest.raises(Damaged, match="WAL is missing in the repository"):
        choose(repository, backups, NOON)


def test_after_a_restore_the_past_of_the_present_counts(
    repository: Repository, backups: list[Backup]
) -> None:
    """At a quarter past eleven a new timeline began: noon's backup is of the way that was given up."""
    repository.put("wal/00000002.history", f"1\t{show_lsn(3 * SIZE + 99)}\tno reason\n".encode())
    repository.put(f"wal/{Segment(2, 3).name(SIZE)}", b"")
    target = choose(repository, backups, NOON + HOUR)
    assert (target.manifest, target.timeline) == (backups[0].manifest, 2)
    abandoned = choose_backup(repository, backups, backups[1].manifest.id)
    assert (abandoned.timeline, abandoned.immediate) == (1, True)


def test_an_unknown_backup_is_answered_with_the_known_ones(
    repository: Repository, backups: list[Backup]
) -> None:
    with pytest.raises(BackupError, match=f"there are: {backups[0].manifest.id}, {backups[1].manifest.id}"):
        choose_backup(repository, backups, "20200101")
