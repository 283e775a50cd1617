"""Opens uploaded files, recognises their format by content and decompresses them within a limit."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import EngineError, TableError

HEAD_BYTES = 65_536
"""The part of a file that is read to recognise its format."""

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"

FOREIGN = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive. Export the sheet as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an Excel or Office file in the old format. Export the sheet as CSV (UTF-8)",
    b"%PDF": "a PDF document. Upload the table itself as CSV or Parquet",
    b"\x89PNG": "a PNG image. Upload the table itself as CSV or Parquet",
    b"\xff\xd8\xff": "a JPEG image. Upload the table itself as CSV or Parquet",
    b"GIF8": "a GIF image. Upload the table itself as CSV or Parquet",
    b"\x89HDF": "an HDF5 or MATLAB file. Export the table as CSV or Parquet",
    b"MATLAB": "a MATLAB file. Export the table as CSV or Parquet",
    b"\x28\xb5\x2f\xfd": "compressed with zstd. Compress it with gzip, or upload it uncompressed",
    b"BZh": "compressed with bzip2. Compress it with gzip, or upload it uncompressed",
    b"\xfd7zXZ": "compressed with xz. Compress it with gzip, or upload it uncompressed",
    b"7z\xbc\xaf": "a 7-Zip archive. Extract it first",
    b"\xff\xfe": "UTF-16 text. Save it as CSV UTF-8",
    b"\xfe\xff": "UTF-16 text. Save it as CSV UTF-8",
    b"{\\rtf": "an RTF document. Export the table as CSV",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: a path, or a seekable binary stream that the caller closes."""

    origin: str | os.PathLike[str] | BinaryIO
    name: str
    expansion_limit: int

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """Open the file's content from its start, decompressed if it is gzip."""
        if isinstance(self.origin, str | os.PathLike):
            with open(self.origin, "rb") as file:
                yield self._decompressed(file)
        else:
            if not self.origin.seekable():
                raise EngineError("the stream is not seekable. Write it to a file first", file=self.name)
            self.origin.seek(0)
            yield self._decompressed(io.BufferedReader(_Borrowed(self.origin)))

    def head(self) -> bytes:
        """Return the first bytes of the (decompressed) content. Raises TableError if it is not a table."""
        with self.open() as stream:
            head = stream.read(HEAD_BYTES)
        if not head:
            raise TableError("the file is empty. Export it again", file=self.name)
        for magic, what in FOREIGN.items():
            if head.startswith(magic):
                raise TableError(f"the file is {what}", file=self.name)
        if not head.startswith(PARQUET) and b"\x00" in head:
            raise TableError("the file is binary, not a table. Upload CSV or Parquet", file=self.name)
        return head

    def _decompressed(self, file: io.BufferedReader) -> io.BufferedReader:
        if not file.peek(len(GZIP)).startswith(GZIP):
            return file
        return io.BufferedReader(_BoundedGzip(file, self.name, self.expansion_limit), HEAD_BYTES)


class _Borrowed(io.RawIOBase):
    """A view of the caller's stream. Closing it leaves the stream open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _BoundedGzip(io.RawIOBase):
    """Decompresses a gzip file. Raises TableError if it is damaged or expands too far."""

    def __init__(self, file: io.BufferedReader, name: str, limit: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=file, mode="rb")
        self._name = name
        self._limit = limit
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            data = self._gzip.read1(len(buffer))
        except EOFError:
            raise TableError("the gzip file is truncated. Upload it again", file=self._name) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise TableError(
                f"the gzip file is damaged ({error}). Upload it again", file=self._name
            ) from None
        self._total += len(data)
        if self._total > self._limit:
            raise TableError(
                f"the gzip file expands to more than {self._limit / 2**30:.3g} GiB. Split it up",
                file=self._name,
            )
        buffer[: len(data)] = data
        return len(data)
