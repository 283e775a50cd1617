"""Archives: what they consist of, and what stands in the way of archiving an analysis."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from shared.postgres.copies import Column

PREFIX = "archives"
MANIFEST = "manifest.json"
# Raised when an older version could not read a manifest any more.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What may stand in the way of archiving an analysis; `runs` are unarchived ones on its map."""

    legal_hold: bool
    active_baseline: bool
    runs: frozenset[UUID]
    shared_upload: bool


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive in the object store. `map_id` is the map of the analysis, `model_key` a baseline's model.

    Expired archives were deleted after their retention; their analyses stay listed.
    """

    analysis_id: UUID
    organization_id: UUID
    prefix: str
    manifest_sha256: str
    bytes: int
    is_baseline: bool
    map_id: UUID | None
    model_key: str | None
    archived_at: datetime
    expired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Rows of an analysis in one table: they have not changed while their fingerprint is the same."""

    rows: int
    digest: int


@dataclass(frozen=True, slots=True)
class Exported:
    """The rows of one table, as a binary COPY stream in a file."""

    table: str
    columns: Sequence[Column]
    path: Path
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Stream:
    """The rows of one table to be restored, as a binary COPY stream in a file.

    `months` are those of its rows, if the table is partitioned by month.
    """

    table: str
    columns: Sequence[Column]
    path: Path
    months: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class Table:
    """A Parquet file of an archive. `rows_sha256` is that of the COPY stream that it converts back to."""

    name: str
    key: str
    rows: int
    bytes: int
    sha256: str
    rows_sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive contains. `analysis` is the row with its results, for people and other programs."""

    format: int
    analysis: Mapping[str, Any]
    tables: Sequence[Table]
    model_key: str | None
    model_sha256: str | None

    def encode(self) -> bytes:
        # The database's UUIDs are of a class of their own.
        return orjson.dumps(asdict(self), str, orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)

    @classmethod
    def decode(cls, content: bytes) -> "Manifest":
        """Raises ValueError for a format that this version does not know."""
        found = orjson.loads(content)
        if found["format"] != FORMAT:
            raise ValueError(f"the archive has the format {found['format']}, this version reads {FORMAT}")
        return cls(**found | {"tables": [Table(**table) for table in found["tables"]]})


def prefix_of(analysis_id: UUID, token: UUID) -> str:
    """One per attempt, so that attempts at the same time do not overwrite each other's objects."""
    return f"{PREFIX}/{analysis_id}/{token}"


def prefix_in(key: str) -> str:
    """The prefix of the archive that an object belongs to."""
    return "/".join(key.split("/")[:3])
