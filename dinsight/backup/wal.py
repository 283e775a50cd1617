"""Arithmetic of WAL: positions, segments and timelines, and what of them a repository holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dinsight.backup.errors import Damaged

SEGMENT = re.compile(r"[0-9A-F]{24}")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")
TAIL = re.compile(r"(?P<segment>[0-9A-F]{24})@(?P<start>\d+)-(?P<end>\d+)")
_LOG_BYTES = 2**32


def parse_lsn(text: str) -> int:
    """A position in the WAL, in bytes, from PostgreSQL's notation `16/B374D848`."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def show_lsn(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


@dataclass(frozen=True, order=True)
class Segment:
    """The file of a timeline that holds the positions from number * size."""

    timeline: int
    number: int

    @classmethod
    def named(cls, name: str, size: int) -> Segment:
        per_log = _LOG_BYTES // size
        return cls(int(name[:8], 16), int(name[8:16], 16) * per_log + int(name[16:], 16))

    def name(self, size: int) -> str:
        per_log = _LOG_BYTES // size
        return f"{self.timeline:08X}{self.number // per_log:08X}{self.number % per_log:08X}"


@dataclass(frozen=True)
class Piece:
    """The bytes [start, end) of a segment that is not complete yet."""

    start: int
    end: int

    def name(self, segment: str) -> str:
        return f"tail/{segment}@{self.start}-{self.end}"


@dataclass
class ArchivedWal:
    """The WAL of a repository. `size` is that of a segment in bytes."""

    size: int
    segments: set[Segment] = field(default_factory=set)
    tails: dict[Segment, list[Piece]] = field(default_factory=dict)
    # Timelines with a history file, and those that they came from: (timeline, position of the switch).
    parents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, wal: Mapping[str, int], tails: Mapping[str, int], size: int) -> ArchivedWal:
        """From the names in the folders `wal/` and `tail/`."""
        found = cls(size)
        for path in wal:
            name = path.rpartition("/")[2]
            if SEGMENT.fullmatch(name):
                found.segments.add(Segment.named(name, size))
        for path in tails:
            if match := TAIL.fullmatch(path.rpartition("/")[2]):
                piece = Piece(int(match["start"]), int(match["end"]))
                found.tails.setdefault(Segment.named(match["segment"], size), []).append(piece)
        return found

    def learn(self, timeline: int, history: str) -> None:
        """Take in a timeline's history file."""
        lines = (line.split("\t") for line in history.splitlines() if line and not line.startswith("#"))
        self.parents[timeline] = [(int(line[0]), parse_lsn(line[1])) for line in lines]

    def newest_timeline(self) -> int:
        return max({segment.timeline for segment in (*self.segments, *self.tails)} | set(self.parents))

    def is_ancestor(self, timeline: int, lsn: int, of: int) -> bool:
        """Whether the position on `timeline` is part of the past of the timeline `of`."""
        if timeline == of:
            return True
        return any(parent == timeline and lsn <= switch for parent, switch in self.parents.get(of, ()))

    def line_of(self, number: int, timeline: int) -> int:
        """The timeline that the segment belongs to, in the past of `timeline`."""
        for parent, switch in self.parents.get(timeline, ()):
            if number < switch // self.size:
                return parent
        return timeline

    def from_position(self, lsn: int, timeline: int) -> Iterator[Segment]:
        """Complete segments in a row, from the one with the position on."""
        number = lsn // self.size
        while (segment := Segment(self.line_of(number, timeline), number)) in self.segments:
            yield segment
            number += 1

    def complete_end(self, lsn: int, timeline: int) -> int:
        """How far complete segments reach from a position, which is returned where there is none."""
        reached = lsn
        for segment in self.from_position(lsn, timeline):
            reached = (segment.number + 1) * self.size
        return reached

    def tail_after(self, lsn: int, timeline: int) -> Segment:
        """The segment that the complete ones from a position on are followed by."""
        number = self.complete_end(lsn, timeline) // self.size
        return Segment(self.line_of(number, timeline), number)

    def end(self, lsn: int, timeline: int) -> int:
        """How far the WAL reaches from a position without a gap, with the pieces of the last segment."""
        tail = self.tail_after(lsn, timeline)
        covered = contiguous(self.tails.get(tail, ()))
        return max(self.complete_end(lsn, timeline), tail.number * self.size + covered)

    def has_gap(self, lsn: int, timeline: int) -> bool:
        """Whether there is WAL of the timeline beyond the end that a position leads to."""
        return self.newest(timeline) > self.tail_after(lsn, timeline).number * self.size

    def newest(self, timeline: int) -> int:
        """Where the newest segment of the timeline begins; 0: there is none."""
        files = (*self.segments, *self.tails)
        numbers = (segment.number for segment in files if segment.timeline == timeline)
        return max(numbers, default=0) * self.size

    def must_have_piece(self, name: str, end: int) -> None:
        """The end of the archive was noted when it was written: that it is there still."""
        if not end:
            return
        segment = Segment.named(name, self.size)
        if segment not in self.segments and contiguous(self.tails.get(segment, ())) < end:
            raise Damaged(f"The end of the archive is missing: the first {end} bytes of the segment {name}.")

    def must_reach(self, start: int, stop: int, timeline: int) -> None:
        if (end := self.end(start, timeline)) < stop:
            raise Damaged(
                f"WAL is missing in the repository: from {show_lsn(start)} on timeline {timeline} it reaches"
                f" {show_lsn(end)}, and {show_lsn(stop)} is needed."
            )


def contiguous(pieces: list[Piece] | tuple[()]) -> int:
    """How many bytes from the beginning of a segment its pieces cover."""
    covered = 0
    for piece in sorted(pieces, key=lambda piece: piece.start):
        if piece.start > covered:
            break
        covered = max(covered, piece.end)
    return covered
