"""Opens uploaded files, unpacks gzip and zip within bounds, and recognises forms by content."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from ..errors import EngineError, TableError
from .limits import Limits
from .unpacking import BoundedGzip, Meter, checked_archive, open_member

HEAD_BYTES = 65_536
"""The part of a file that is read to recognise its form."""

SPOOL_MEMORY_BYTES = 16 * 2**20
"""A packed Parquet or Excel file is read in any order; larger ones are unpacked to a temporary file."""

GZIP, ZIP, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
OLE = b"\xd0\xcf\x11\xe0"
"""The container of Office's documents of 1997."""

FOREIGN = {
    b"%PDF": "a PDF document. Upload the table itself as CSV, Excel or Parquet",
    b"\x89PNG": "a PNG image. Upload the table itself as CSV, Excel or Parquet",
    b"\xff\xd8\xff": "a JPEG image. Upload the table itself as CSV, Excel or Parquet",
    b"GIF8": "a GIF image. Upload the table itself as CSV, Excel or Parquet",
    b"\x89HDF": "an HDF5 or MATLAB file. Export the table as CSV or Parquet",
    b"MATLAB": "a MATLAB file. Export the table as CSV or Parquet",
    b"TDSm": "a TDMS file of LabVIEW. Export the table as CSV, .lvm or Parquet",
    b"TOB": "a binary file of a Campbell logger. Convert it to TOA5 text",
    b"ARROW1": "an Arrow or Feather file. Save it as Parquet",
    b"\x28\xb5\x2f\xfd": "compressed with zstd. Compress it with gzip, or upload it uncompressed",
    b"BZh": "compressed with bzip2. Compress it with gzip, or upload it uncompressed",
    b"\xfd7zXZ": "compressed with xz. Compress it with gzip, or upload it uncompressed",
    b"7z\xbc\xaf": "a 7-Zip archive. Upload its files, or a zip of them",
    b"Rar!": "a RAR archive. Upload its files, or a zip of them",
    b"{\\rtf": "an RTF document. Export the table as CSV",
    b"<?xml": "an XML document. Export the table as CSV or Excel (.xlsx)",
    b"<!DOCTYPE": "a web page. Export the table as CSV or Excel (.xlsx)",
    b"<html": "a web page. Export the table as CSV or Excel (.xlsx)",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: a path, or a seekable binary stream that the caller closes, and the way into it.

    `steps` are the layers to unpack: `gzip`, or the name of a zip's member. It can be opened while it is
    open,
    also in another thread; `lock` is held while the caller's stream is used.
    """

    origin: str | os.PathLike[str] | BinaryIO
    name: str
    limits: Limits = field(default_factory=Limits)
    meter: Meter = field(default_factory=Meter)
    steps: tuple[str, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """Open the file's content from its start, unpacked."""
        with ExitStack() as stack:
            stream = stack.enter_context(self._opened())
            for step in self.steps:
                if step == "gzip":
                    raw = BoundedGzip(stream, self.name, self.limits, self.meter)
                    stream = stack.enter_context(io.BufferedReader(raw, HEAD_BYTES))
                else:
                    if not stream.seekable():
                        stream = stack.enter_context(_spooled(stream))
                    stream = stack.enter_context(
                        open_member(stream, step.removeprefix("zip:"), self.name, self.limits, self.meter)
                    )
            yield stream

    @contextmanager
    def open_seekable(self) -> Iterator[BinaryIO]:
        """Open the content for reading in any order; packed content is unpacked to a temporary file first."""
        with self.open() as stream:
            if not self.steps:
                yield stream
                return
            with _spooled(stream) as spool:
                yield spool

    def head(self, size: int = HEAD_BYTES) -> bytes:
        """Return the first bytes of the content. Raises TableError if there are none."""
        with self.open() as stream:
            head = stream.read(size)
        if not head:
            raise TableError("the file is empty. Export it again", file=self.name, code="empty")
        return head

    @property
    def archive(self) -> tuple[str, ...]:
        """The way to the content, as `Understood.archive` tells it."""
        return tuple(part for step in self.steps for part in step.split(":", 1))

    @contextmanager
    def _opened(self) -> Iterator[io.BufferedReader]:
        if isinstance(self.origin, str | os.PathLike):
            with open(self.origin, "rb") as file:
                yield file
            return
        if not self.origin.seekable():
            raise EngineError(
                "the stream is not seekable. Write it to a file first", file=self.name, code="not_seekable"
            )
        yield io.BufferedReader(_Borrowed(self.origin, self.lock))


def expanded(source: Source) -> list[Source]:
    """Return the sources of the tables in a file: itself, or what is within gzip and zip. Raises
    TableError."""
    head = source.head()
    if head.startswith(GZIP):
        return expanded(_deeper(source, "gzip", source.name))
    if not head.startswith((ZIP, b"PK\x05\x06")):
        return [source]
    with source.open_seekable() as stream:
        members = checked_archive(stream, source.name, source.limits)
    if members is None:
        return [source]  # an Excel workbook
    if not members:
        raise TableError("the archive contains no file", file=source.name, code="empty_archive")
    found: list[Source] = []
    for member in members:
        found += expanded(_deeper(source, f"zip:{member}", f"{source.name}/{member}"))
    return found


def refuse_foreign(head: bytes, name: str) -> None:
    """Raise TableError if a file begins as something that is no table."""
    start = head.lstrip()[:16]
    for magic, what in FOREIGN.items():
        if head.startswith(magic) or (magic.startswith(b"<") and start.lower().startswith(magic.lower())):
            raise TableError(f"the file is {what}", file=name, code="foreign_form")


def _deeper(source: Source, step: str, name: str) -> Source:
    if len(source.steps) >= source.limits.depth:
        raise TableError(
            f"archives are nested more than {source.limits.depth} deep. Unpack it before uploading",
            file=source.name,
            code="nested_archive",
        )
    return replace(source, steps=(*source.steps, step), name=name)


@contextmanager
def _spooled(stream: BinaryIO) -> Iterator[io.BufferedReader]:
    """Unpack a stream to a temporary file, which can be read in any order."""
    with tempfile.SpooledTemporaryFile(SPOOL_MEMORY_BYTES) as spool:
        shutil.copyfileobj(stream, spool)
        spool.seek(0)
        yield cast("io.BufferedReader", spool)


class _Borrowed(io.RawIOBase):
    """A view of the caller's stream with a position of its own. Closing it leaves the stream open."""

    def __init__(self, stream: BinaryIO, lock: threading.Lock) -> None:
        self._stream, self._lock = stream, lock
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            with self._lock:
                self._position = self._stream.seek(offset, whence)
        else:
            self._position = offset + (self._position if whence == io.SEEK_CUR else 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        with self._lock:
            self._stream.seek(self._position)
            data = self._stream.read(len(buffer))
        self._position += len(data)
        buffer[: len(data)] = data
        return len(data)
