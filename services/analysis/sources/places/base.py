"""What a place of files offers, and how it fails."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from services.analysis.sources.domain import Entry, Problem

# Files that one look lists, whether the pattern matches them or not.
MAX_LISTED = 100_000
# Folders below the one that is watched.
MAX_DEPTH = 8
BLOCK_BYTES = 2**20
# A server that is silent for this long does not answer any more.
SILENCE_SECONDS = 60.0


class PlaceError(Exception):
    """The place, or a file of it, cannot be read at the moment. The next look tries again."""

    def __init__(self, code: str, text: str, **params: Any) -> None:
        super().__init__(text)
        self.problem = Problem(code, text, params)


class Place(Protocol):
    """A place that is open. Methods raise PlaceError."""

    async def entries(self) -> Sequence[Entry]:
        """The files in it and in its folders."""
        ...

    async def find(self, path: str) -> Entry | None:
        """The file as it is now; None if it is gone."""
        ...

    def read(self, path: str) -> AsyncIterator[bytes]: ...


def too_many() -> PlaceError:
    return PlaceError(
        "too-many-files",
        f"The place has more than {MAX_LISTED} files. Watch a folder with fewer, or move away old files.",
        maximum=MAX_LISTED,
    )
