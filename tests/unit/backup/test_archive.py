"""What the receiver writes arrives in the repository, whole and in pieces, after errors and restarts."""

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from dinsight.backup.archive import FAN_IN, PARTIAL, Archive, Position, SegmentTail, archived, read_position
from dinsight.backup.errors import BackupError, Damaged
from dinsight.backup.recovery import fetch_wal
from dinsight.backup.repository import Repository
from dinsight.backup.targets import Target
from dinsight.backup.wal import Segment
from tests.unit.backup.examples import NOW, SIZE, a_manifest, a_repository

FIRST, SECOND = (Segment(1, number).name(SIZE) for number in (2, 3))


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def ship(archive: Archive) -> None:
    archive.ship(archive.look())


def segment(seed: int) -> bytes:
    return random.Random(seed).randbytes(SIZE)


def write(spool: Path, name: str, content: bytes) -> None:
    """As the receiver: what is not written yet is zero."""
    (spool / f"{name}{PARTIAL}").write_bytes(content.ljust(SIZE, b"\0"))


def restored(repository: Repository, folder: Path) -> dict[str, bytes]:
    wal = archived(repository, SIZE)
    fetch_wal(repository, Target(replace(a_manifest(NOW), wal={}), wal, 1, None, None), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class FailingStore(Repository):
    """Its next write fails when it is told so."""

    fails = False

    def put(self, name: str, content: bytes) -> None:
        if self.fails:
            raise BackupError("no space left")
        super().put(name, content)


def test_pieces_of_a_growing_segment_are_the_segment(spool: Path, tmp_path: Path) -> None:
    repository = a_repository()
    archive = Archive(repository, spool)
    content, end = segment(1), 0
    rng = random.Random(2)
    for _ in range(40):
        # A piece may end in zeros, which cannot be told from what is not written.
        end += rng.randrange(1, 2000)
        write(spool, FIRST, content[:end] + bytes(rng.randrange(3)))
        ship(archive)
    assert len(repository.list("tail")) < 3 * FAN_IN
    assert restored(repository, tmp_path / "wal") == {FIRST: content[:end].ljust(SIZE, b"\0")}


def test_a_complete_segment_replaces_its_pieces(spool: Path, tmp_path: Path) -> None:
    repository = a_repository()
    archive = Archive(repository, spool)
    write(spool, FIRST, segment(1)[:5000])
    ship(archive)
    (spool / f"{FIRST}{PARTIAL}").unlink()
    (spool / FIRST).write_bytes(segment(1))
    write(spool, SECOND, segment(2)[:100])
    ship(archive)
    assert list(repository.list("wal")) == [f"wal/{FIRST}"]
    assert list(repository.list("tail")) == [f"tail/{SECOND}@0-100"]
    assert restored(repository, tmp_path / "wal")[FIRST] == segment(1)
    assert (spool / FIRST).exists(), "the receiver continues after it"
    (spool / SECOND).write_bytes(segment(2))
    ship(archive)
    assert not (spool / FIRST).exists()


def test_what_could_not_be_written_is_shipped_later(spool: Path, tmp_path: Path) -> None:
    healthy = a_repository()
    repository = FailingStore(healthy._store, "memory:///", "7000", healthy._sealer)
    archive = Archive(repository, spool)
    write(spool, FIRST, segment(1)[:100])
    ship(archive)
    repository.fails = True
    write(spool, FIRST, segment(1)[:200])
    with pytest.raises(BackupError, match="no space left"):
        ship(archive)
    repository.fails = False
    ship(archive)
    assert restored(healthy, tmp_path / "wal") == {FIRST: segment(1)[:200].ljust(SIZE, b"\0")}


def test_a_new_process_continues_where_the_last_one_stopped(spool: Path, tmp_path: Path) -> None:
    repository = a_repository()
    write(spool, FIRST, segment(1)[:100])
    ship(Archive(repository, spool))
    write(spool, FIRST, segment(1)[:300])
    ship(Archive(repository, spool))
    assert list(repository.list("tail")) == [f"tail/{FIRST}@0-100", f"tail/{FIRST}@100-300"]
    (spool / f"{FIRST}{PARTIAL}").rename(spool / FIRST)
    ship(Archive(repository, spool))
    # Killed before it could note that: the same content is there already.
    ship(Archive(repository, spool))
    assert list(repository.list("wal")) == [f"wal/{FIRST}"]


def test_another_server_in_the_same_repository_is_noticed(spool: Path) -> None:
    repository = a_repository()
    (spool / FIRST).write_bytes(segment(1))
    ship(Archive(repository, spool))
    (spool / FIRST).write_bytes(segment(2))
    with pytest.raises(BackupError, match="two servers archive into"):
        ship(Archive(repository, spool))


def test_an_unchanged_segment_is_not_shipped_again(spool: Path) -> None:
    archive = Archive(a_repository(), spool)
    write(spool, FIRST, segment(1)[:100])
    assert archive.look()
    ship(archive)
    assert not archive.look()
    # Also once its time says that no write can have been missed.
    os.utime(spool / f"{FIRST}{PARTIAL}", (1, 1))
    assert not archive.look()
    assert not archive.look()


def test_pieces_are_merged_so_that_few_are_left() -> None:
    tail = SegmentTail(FIRST)
    present: set[tuple[int, int]] = set()
    shipped = 0
    for end in range(1, 5001):
        piece, replaced = tail.add(end)
        present -= {(one.start, one.end) for one in replaced}
        present.add((piece.start, piece.end))
        shipped += piece.end - piece.start
        assert {f"tail/{FIRST}@{start}-{stop}" for start, stop in present} == set(tail.names())
    assert len(present) < 4 * FAN_IN
    assert shipped <= 5000 * 4


def test_the_position_is_the_last_one_noted(spool: Path) -> None:
    repository = a_repository(store=MemoryStore())
    assert read_position(repository) is None
    archive = Archive(repository, spool)
    archive.note_position(NOW)
    assert read_position(repository) == Position(NOW, "", 0)
    write(spool, FIRST, segment(1)[:100])
    ship(archive)
    archive.note_position(NOW)
    assert read_position(repository) == Position(NOW, FIRST, 100)
    wal = archived(repository, SIZE)
    wal.must_have_piece(FIRST, 100)
    with pytest.raises(Damaged, match="end of the archive is missing"):
        wal.must_have_piece(FIRST, 101)
