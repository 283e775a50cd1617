"""Which segments follow each other, across timelines and with pieces at the end."""

import pytest

from dinsight.backup.errors import Damaged
from dinsight.backup.wal import ArchivedWal, Piece, Segment, contiguous, parse_lsn, show_lsn
from tests.unit.backup.examples import SIZE


def archive(*names: str, tails: tuple[str, ...] = ()) -> ArchivedWal:
    return ArchivedWal.of({f"wal/{name}": 1 for name in names}, {f"tail/{name}": 1 for name in tails}, SIZE)


def name(number: int, timeline: int = 1) -> str:
    return Segment(timeline, number).name(SIZE)


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("000000010000000000000002", Segment(1, 2)),
        ("0000000A00000001000000FF", Segment(10, 511)),
        ("000000010000000200000000", Segment(1, 512)),
    ],
)
def test_names_of_segments(text: str, segment: Segment) -> None:
    assert Segment.named(text, SIZE) == segment
    assert segment.name(SIZE) == text


def test_positions() -> None:
    assert parse_lsn("16/B374D848") == 0x16B374D848
    assert show_lsn(0x16B374D848) == "16/B374D848"


def test_pieces_cover_a_segment_without_a_gap_or_do_not() -> None:
    assert contiguous([]) == 0
    assert contiguous([Piece(10, 20), Piece(0, 10), Piece(5, 12)]) == 20
    assert contiguous([Piece(0, 10), Piece(11, 20)]) == 10


def test_the_end_is_where_the_first_segment_is_missing() -> None:
    wal = archive(name(2), name(3), name(5), tails=(f"{name(4)}@0-100", f"{name(4)}@100-150"))
    start = 2 * SIZE + 40
    assert wal.complete_end(start, 1) == 4 * SIZE
    assert wal.end(start, 1) == 4 * SIZE + 150
    assert wal.has_gap(start, 1)
    assert not archive(name(2), name(3)).has_gap(start, 1)
    assert wal.end(6 * SIZE, 1) == 6 * SIZE
    wal.must_reach(start, 4 * SIZE + 150, 1)
    with pytest.raises(Damaged, match=r"from 0/2000028 on timeline 1 it reaches 0/4000096, and 0/4000097"):
        wal.must_reach(start, 4 * SIZE + 151, 1)


def test_other_files_are_no_segments() -> None:
    wal = archive("00000002.history", "nonsense", tails=("nonsense",))
    assert (wal.segments, wal.tails) == (set(), {})


def test_a_new_timeline_branches_off_within_a_segment() -> None:
    wal = archive(name(2), name(3), name(4), name(5), name(4, 2), name(5, 2))
    wal.learn(2, f"1\t{show_lsn(4 * SIZE + 500)}\tbefore 2027-01-31 12:00:00+00\n\n# a remark\n")
    assert wal.newest_timeline() == 2
    lines = [segment.timeline for segment in wal.from_position(2 * SIZE, 2)]
    assert lines == [1, 1, 2, 2]
    assert wal.is_ancestor(1, 4 * SIZE, of=2)
    assert not wal.is_ancestor(1, 5 * SIZE, of=2), "the way that was given up"
    assert wal.is_ancestor(2, 9 * SIZE, of=2)
    assert not wal.is_ancestor(3, 0, of=2)
