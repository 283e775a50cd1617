"""What the night's work is: a backup, the verification of one that was left, or nothing."""

from datetime import timedelta
from pathlib import Path

import pytest

from dinsight.backup.context import BackupContext
from dinsight.backup.manifest import Backup
from dinsight.backup.nightly import Nightly, Work
from dinsight.backup.repository import Repository
from dinsight.backup.sealed import Sealer
from dinsight.backup.wal import Segment
from tests.support.fakes import FakeClock
from tests.unit.backup.examples import KEY, SIZE, a_backup, a_repository

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> FakeClock:
    made = FakeClock()
    made.time = made.time.replace(hour=3, minute=0)
    return made


@pytest.fixture
def nightly(clock: FakeClock) -> Nightly:
    place = BackupContext("memory:///", Sealer(f"k1:{KEY}"), Path("spool"), "memory:///", {})
    return Nightly("", place, clock, hour=2, restore=True)


@pytest.fixture
def repository() -> Repository:
    """The backups of these tests begin in the segment 2."""
    made = a_repository()
    for number in (2, 3):
        made.put(f"wal/{Segment(1, number).name(SIZE)}", b"")
    return made


def taken(clock: FakeClock, ago: timedelta, *, verified: bool = True) -> list[Backup]:
    return [a_backup(clock.now() - ago, verified=verified)]


def test_after_a_verified_backup_nothing_is_due_until_the_night(
    nightly: Nightly, repository: Repository, clock: FakeClock
) -> None:
    assert nightly.due(repository, [], 1) is Work.BACKUP
    assert nightly.due(repository, taken(clock, HOUR / 2), 1) is Work.NOTHING
    assert nightly.due(repository, taken(clock, 2 * HOUR), 1) is Work.BACKUP


def test_a_backup_that_was_not_verified_is_verified(
    nightly: Nightly, repository: Repository, clock: FakeClock
) -> None:
    assert nightly.due(repository, taken(clock, HOUR / 2, verified=False), 1) is Work.VERIFY


@pytest.mark.parametrize("verified", [True, False])
def test_a_restore_or_a_gap_asks_for_a_new_backup(
    nightly: Nightly, repository: Repository, clock: FakeClock, verified: bool
) -> None:
    backups = taken(clock, HOUR / 2, verified=verified)
    assert nightly.due(repository, backups, 2) is Work.BACKUP
    repository.put(f"wal/{Segment(1, 5).name(SIZE)}", b"")
    assert nightly.due(repository, backups, 1) is Work.BACKUP
