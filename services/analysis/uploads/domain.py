"""Uploads, their files, and the object keys of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.analysis.domain import Status
from services.analysis.objects.names import COMPRESSED


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an upload: the client's name for it, its size in bytes as sent, and its object key."""

    filename: str
    size: int
    key: str

    def recorded(self) -> Mapping[str, Any]:
        """How the upload's row describes it."""
        return {"filename": self.filename, "size": self.size, "object": self.key.rpartition("/")[2]}


@dataclass(frozen=True, slots=True)
class FileUpload:
    """`file_path` is the prefix of the files' keys, or empty if they are no longer stored.

    `features` and `samples` are None until they are read.
    """

    id: UUID
    organization_id: UUID
    original_filename: str
    file_size: int
    file_path: str
    status: Status
    error_message: str | None
    merged_files: Sequence[Mapping[str, Any]]
    features: Sequence[str] | None
    samples: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def files(self) -> list[StoredFile]:
        # Until uploads were compressed, the name of an object was not recorded.
        return [
            StoredFile(
                file["filename"], file["size"], f"{self.file_path}/{file.get('object', f'{number:04d}')}"
            )
            for number, file in enumerate(self.merged_files)
        ]


def file_key(prefix: str, number: int) -> str:
    """The object key of an upload's file, built from generated ids and never from the client's file name."""
    return f"{prefix}/{number:04d}{COMPRESSED}"


def upload_prefix(upload_id: UUID) -> str:
    return f"uploads/{upload_id}"
