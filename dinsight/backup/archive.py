"""Ships WAL from the spool, where PostgreSQL's `pg_receivewal` writes it, to the repository.

The receiver writes a segment into `<segment>.partial` as the server flushes it, and fills the rest with
zeros. What is new of it is shipped as a piece every second, so that little is lost with the machine. A
complete segment is shipped whole, and its pieces are deleted. Blocks: used in threads.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from dinsight.backup.errors import BackupError, Missing
from dinsight.backup.repository import READ_BYTES, Repository
from dinsight.backup.wal import HISTORY, SEGMENT, TAIL, ArchivedWal, Piece, contiguous

PARTIAL = ".partial"
# This many pieces of about one size become one: a segment has a few dozen pieces, and none is shipped often.
FAN_IN = 16
SETTLED_NS = 10**9


class SegmentTail:
    """The pieces of the segment that is being written."""

    def __init__(self, segment: str, pieces: Iterable[Piece] = ()) -> None:
        self.segment = segment
        self._pieces = [(piece, 0) for piece in sorted(pieces, key=lambda piece: piece.start)]
        self.end = contiguous([piece for piece, _ in self._pieces])

    def add(self, end: int) -> tuple[Piece, Sequence[Piece]]:
        """The piece to ship so that the bytes before `end` are in the repository, and those it replaces."""
        start, level = self.end, 0
        replaced: list[Piece] = []
        while len(same := self._last(level)) >= FAN_IN - 1:
            start, level = same[0].start, level + 1
            replaced = [*same, *replaced]
            del self._pieces[-len(same) :]
        self._pieces.append((Piece(start, end), level))
        self.end = end
        return Piece(start, end), replaced

    def _last(self, level: int) -> list[Piece]:
        found: list[Piece] = []
        for piece, its_level in reversed(self._pieces):
            if its_level != level:
                break
            found.insert(0, piece)
        return found

    def names(self) -> list[str]:
        return [piece.name(self.segment) for piece, _ in self._pieces]


@dataclass(frozen=True)
class Position:
    """Everything that was written before `at` is in the repository: `segment` up to `end`, if not whole."""

    at: datetime
    segment: str
    end: int


@dataclass(frozen=True)
class New:
    """Complete files, and the segment that is being written with the end of what is to be shipped of it."""

    whole: list[Path]
    tail: tuple[Path, int] | None

    def __bool__(self) -> bool:
        return bool(self.whole or self.tail)


class Archive:
    """What was shipped, and what is to be. `spool` is the receiver's folder."""

    def __init__(self, repository: Repository, spool: Path) -> None:
        self._repository = repository
        self._spool = spool
        self._shipped: set[str] | None = None
        # What the repository had when this began.
        self._present: set[str] = set()
        self._tail: SegmentTail | None = None
        self._looked_at: tuple[str, int] | None = None

    def spooled_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._files())

    def look(self) -> New:
        """What is in the spool and not in the repository, as of now."""
        shipped = self._load()
        paths = self._files()
        whole = [path for path in paths if HISTORY.fullmatch(path.name) or SEGMENT.fullmatch(path.name)]
        tails = [path for path in paths if path.name.endswith(PARTIAL)]
        return New(
            [path for path in whole if path.name not in shipped], self._look_at(tails[-1]) if tails else None
        )

    def ship(self, new: New) -> None:
        """Ship it. After an error the next look finds what is left."""
        shipped = self._load()
        for path in new.whole:
            self._ship_whole(path)
            shipped.add(path.name)
        if new.tail is not None:
            self._ship_tail(*new.tail)
        complete = [path for path in self._files() if path.name in shipped and SEGMENT.fullmatch(path.name)]
        # The receiver continues after the newest one.
        for path in complete[:-1]:
            path.unlink()

    def note_position(self, at: datetime) -> None:
        """Everything that the server had flushed at that time is in the repository."""
        tail = self._tail
        position = Position(at, "", 0) if tail is None else Position(at, tail.segment, tail.end)
        content = {**asdict(position), "at": at.isoformat()}
        self._repository.put("position", json.dumps(content).encode())

    def clear_spool(self) -> None:
        """For a server that does not continue what lies there."""
        for path in self._files():
            path.unlink()

    def spooled_timelines(self) -> set[int]:
        return {int(path.name[:8], 16) for path in self._files()}

    def _files(self) -> list[Path]:
        return sorted(path for path in self._spool.iterdir() if path.name[:1] in "0123456789ABCDEF")

    def _load(self) -> set[str]:
        if self._shipped is None:
            self._present = {name.rpartition("/")[2] for name in self._repository.list("wal")}
            self._shipped = set()
        return self._shipped

    def _must_be_same(self, path: Path) -> None:
        """Shipped before this program started. Other content means that a second server ships, too."""
        if _digest(_read(path)) == _digest(self._repository.read(f"wal/{path.name}")):
            return
        raise BackupError(
            f"The WAL file {path.name} in the repository {self._repository} is not the one that this server"
            " wrote: two servers archive into the same repository. Choose another DINSIGHT_BACKUP_URL for one"
            " of them."
        )

    def _ship_whole(self, path: Path) -> None:
        if path.name in self._present:
            self._must_be_same(path)
        else:
            self._repository.write(f"wal/{path.name}", _read(path))
        if SEGMENT.fullmatch(path.name):
            self._repository.delete(piece.name(path.name) for piece in self._pieces_of(path.name))

    def _look_at(self, path: Path) -> tuple[Path, int] | None:
        """The segment that is being written, and up to where it is to be shipped."""
        segment = path.name.removesuffix(PARTIAL)
        try:
            changed = path.stat().st_mtime_ns
            if (segment, changed) == self._looked_at:
                return None
            self._looked_at = None
            # A file's time has a granularity: one that is not over yet may still see a change.
            settled = time.time_ns() - changed > SETTLED_NS
            if self._tail is None or self._tail.segment != segment:
                self._tail = SegmentTail(segment, self._pieces_of(segment))
            end = self._written_end(path, self._tail.end)
        except FileNotFoundError:
            return None  # It is complete by now: the next look finds it whole.
        if end > self._tail.end:
            return path, end
        if settled:
            self._looked_at = (segment, changed)
        return None

    def _ship_tail(self, path: Path, end: int) -> None:
        tail = self._tail
        assert tail is not None
        try:
            piece, replaced = tail.add(end)
            with path.open("rb") as file:
                file.seek(piece.start)
                content = file.read(piece.end - piece.start)
            self._repository.put(piece.name(tail.segment), content)
            self._repository.delete(one.name(tail.segment) for one in replaced)
        except FileNotFoundError:
            self._tail = None
        except BaseException:
            # What is in the repository decides where the next round goes on.
            self._tail = None
            raise

    def _pieces_of(self, segment: str) -> Iterator[Piece]:
        # The store lists by folders: a prefix of a name finds nothing there.
        for name in self._repository.list("tail"):
            match = TAIL.fullmatch(name.rpartition("/")[2])
            if match and match["segment"] == segment:
                yield Piece(int(match["start"]), int(match["end"]))

    @staticmethod
    def _written_end(path: Path, start: int) -> int:
        """Where the written bytes end: behind them are zeros, and a piece may lack its own last zeros.

        The receiver writes in order, so what two readings agree on had no hole in it at the first.
        """
        with path.open("rb") as file:
            file.seek(start)
            first = file.read().rstrip(b"\0")
            file.seek(start)
            second = file.read(len(first))
        return start + len(first) if first == second else start


def read_position(repository: Repository) -> Position | None:
    """Up to where the repository has everything; None before anything was shipped."""
    try:
        stored = json.loads(repository.get("position"))
    except Missing:
        return None
    return Position(
        datetime.fromisoformat(stored["at"]).astimezone(UTC), stored["segment"], int(stored["end"])
    )


def archived(repository: Repository, size: int) -> ArchivedWal:
    """What WAL the repository has. `size` is a segment's, in bytes."""
    wal = repository.list("wal")
    found = ArchivedWal.of(wal, repository.list("tail"), size)
    for name in wal:
        if HISTORY.fullmatch(name.rpartition("/")[2]):
            found.learn(int(name[4:12], 16), repository.get(name).decode())
    return found


def segment_digest(repository: Repository, segment: str) -> str:
    return _digest(repository.read(f"wal/{segment}"))


def _digest(content: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
    return digest.hexdigest()


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            yield piece
