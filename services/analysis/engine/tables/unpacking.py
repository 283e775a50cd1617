"""Unpacks gzip and zip within bounds: neither a bomb nor damage costs more than an error."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from ..errors import TableError
from .limits import Limits, size_words

EXCEL_PART = "xl/workbook.xml"
"""What makes a zip an Excel workbook."""

CLUTTER = ("__MACOSX/", ".")
"""Members that a packing program adds by itself."""


DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for archives that are damaged, encrypted or of an unknown kind."""


@dataclass(slots=True)
class Meter:
    """Counts the bytes that the files of an upload expand to."""

    total: int = 0

    def add(self, size: int, name: str, limits: Limits) -> None:
        """Count bytes. Raises TableError beyond the limit."""
        self.total += size
        if self.total > limits.expanded_bytes:
            raise too_large(name, limits)


def too_large(name: str, limits: Limits) -> TableError:
    """The refusal of a file that expands too far."""
    return TableError(
        f"the upload expands to more than {size_words(limits.expanded_bytes)}. Split it up",
        file=name,
        code="expands_too_far",
        params={"limit": limits.expanded_bytes},
    )


class BoundedGzip(io.RawIOBase):
    """Decompresses a gzip file. Raises TableError if it is damaged or expands too far."""

    def __init__(self, file: io.BufferedReader, name: str, limits: Limits, meter: Meter) -> None:
        self._packed = _Counted(file)
        self._gzip = gzip.GzipFile(fileobj=io.BufferedReader(self._packed), mode="rb")
        self._name, self._limits, self._meter = name, limits, meter
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            data = self._gzip.read1(len(buffer))
        except EOFError:
            raise TableError(
                "the gzip file is truncated. Upload it again", file=self._name, code="damaged_archive"
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise TableError(
                f"the gzip file is damaged ({error}). Upload it again",
                file=self._name,
                code="damaged_archive",
            ) from None
        self._unpacked += len(data)
        self._meter.add(len(data), self._name, self._limits)
        check_ratio(self._unpacked, self._packed.total, self._name, self._limits)
        buffer[: len(data)] = data
        return len(data)


class _Counted(io.RawIOBase):
    """Counts the bytes that are read through it."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self._file.read1(len(buffer))
        self.total += len(data)
        buffer[: len(data)] = data
        return len(data)


def check_ratio(unpacked: int, packed: int, name: str, limits: Limits) -> None:
    """Raise TableError if content expands to so many times its size that it is no measurement."""
    if unpacked > limits.ratio_from_bytes and unpacked > limits.ratio * max(1, packed):
        raise TableError(
            f"the file expands to more than {limits.ratio} times its size. Upload it uncompressed, or as"
            " Parquet",
            file=name,
            code="expands_too_far",
            params={"ratio": limits.ratio},
        )


def checked_archive(stream: BinaryIO, name: str, limits: Limits) -> list[str] | None:
    """Return the names of a zip's files, sorted, or None if it is an Excel workbook. Raises TableError."""
    with _archive(stream, name) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    if any(info.filename == EXCEL_PART for info in infos):
        return None
    if any(info.filename in ("word/document.xml", "ppt/presentation.xml", "mimetype") for info in infos):
        raise TableError(
            "the file is an Office document, not a table. Save the table as .xlsx or CSV",
            file=name,
            code="foreign_form",
        )
    infos = [
        info
        for info in infos
        if info.file_size and not any(part.startswith(CLUTTER) for part in _parts(info.filename))
    ]
    if len(infos) > limits.members:
        raise TableError(
            f"the archive contains {len(infos)} files, but at most {limits.members} are allowed. Split it up",
            file=name,
            code="too_many_members",
            params={"limit": limits.members},
        )
    for info in infos:
        if info.flag_bits & 1:
            raise TableError(
                f"'{info.filename}' in the archive is encrypted. Pack it without a password",
                file=name,
                code="encrypted",
            )
    # zipfile reads at most the declared size of a member, so the sum is a bound and not only a promise.
    total = sum(info.file_size for info in infos)
    if total > limits.expanded_bytes:
        raise too_large(name, limits)
    check_ratio(total, sum(info.compress_size for info in infos), name, limits)
    return sorted(info.filename for info in infos)


def _parts(path: str) -> list[str]:
    return [*path.split("/"), path]


@contextmanager
def open_member(
    stream: io.BufferedReader, member: str, name: str, limits: Limits, meter: Meter
) -> Iterator[io.BufferedReader]:
    """Open a member of a zip from its start. Raises TableError if it is damaged or expands too far."""
    with _archive(stream, name) as archive:
        try:
            file = archive.open(member)
        except DAMAGE as error:
            raise _damaged(name, error) from error
        with file, io.BufferedReader(_Member(file, name, limits, meter), 65_536) as unpacked:
            yield cast("io.BufferedReader", unpacked)


class _Member(io.RawIOBase):
    """The content of a zip's member."""

    def __init__(self, file: IO[bytes], name: str, limits: Limits, meter: Meter):
        self._file, self._name, self._limits, self._meter = file, name, limits, meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            data = self._file.read(len(buffer))
        except DAMAGE as error:
            raise _damaged(self._name, error) from error
        self._meter.add(len(data), self._name, self._limits)
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _archive(stream: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(stream)
    except DAMAGE as error:
        raise _damaged(name, error) from error
    with archive:
        yield archive


def _damaged(name: str, error: Exception) -> Exception:
    if isinstance(error, TableError):  # of a layer below, and a ValueError, too
        return error
    return TableError(
        f"the zip archive is damaged or truncated ({error}). Upload it again",
        file=name,
        code="damaged_archive",
    )
