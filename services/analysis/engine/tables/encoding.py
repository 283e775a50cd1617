"""Finds a text file's encoding and gives its content as UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from ..errors import TableError

BOMS = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark begins like it
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

MIN_WIDE_SHARE = 0.4
"""UTF-16 text of any European language has a NUL in almost every second byte."""

ENDS = b"\x00\x1a"
"""What DOS programs and preallocated files end with: Ctrl-Z and NUL."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """`name` is Python's; `mark` is the length of the byte order mark; `firm`: nothing later may change
    it."""

    name: str
    mark: int = 0
    firm: bool = True

    @property
    def by_bytes(self) -> bool:
        """Tell whether delimiters and line ends can be found without decoding."""
        return codecs.lookup(self.name).name in ("utf-8", "ascii", "cp1252")


def detect_encoding(head: bytes, configured: str | None, name: str) -> Encoding:
    """Return the encoding of a file that begins with `head`. Raises TableError if it is not text.

    A mark decides. Without one, text is UTF-16 if every second byte is NUL, UTF-8 if it can be, and
    Windows-1252 otherwise. As long as all of it is ASCII, the first byte beyond decides.
    """
    found = next((Encoding(code, len(mark)) for mark, code in BOMS.items() if head.startswith(mark)), None)
    if configured is not None:
        code = codecs.lookup(configured).name
        mark = found.mark if found and found.name.startswith(code) else 0
        return Encoding(found.name if found and mark else _explicit(code), mark)
    if found is not None:
        return found
    body = head.rstrip(ENDS + b"\r\n \t")
    if b"\x00" in body[:4096]:
        for code, first in (("utf-16-le", 1), ("utf-16-be", 0)):
            wide, narrow = body[first:4096:2], body[1 - first : 4096 : 2]
            if wide.count(0) >= MIN_WIDE_SHARE * 2 * len(wide) and not narrow.count(0):
                return Encoding(code)
        raise TableError(
            "the file is binary, not a table. Upload CSV, Excel or Parquet", file=name, code="foreign_form"
        )
    if body.isascii():
        return Encoding("utf-8", firm=False)
    if is_utf8(head, partial=True) or _holds_utf8(head):
        return Encoding("utf-8")
    return Encoding("cp1252")


def _holds_utf8(head: bytes) -> bool:
    """Tell whether UTF-8 characters beyond ASCII occur: Windows-1252 text hardly ever looks like them."""
    return any(not character.isascii() for character in head.decode("utf-8", "replace").replace("\ufffd", ""))


def is_utf8(data: bytes, *, partial: bool = False) -> bool:
    """Tell whether bytes are UTF-8; a `partial` text may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=not partial)
    except UnicodeDecodeError:
        return False
    return True


def decoded(head: bytes, encoding: Encoding) -> str:
    """Return the text of a file's head, for looking at; what cannot be decoded is replaced."""
    return codecs.getincrementaldecoder(encoding.name)("replace").decode(head[encoding.mark :])


def utf8_chunks(stream: BinaryIO, encoding: Encoding, size: int, name: str) -> Iterator[bytes]:
    """Yield a stream's content in pieces: as it is if `encoding.by_bytes`, and as UTF-8 otherwise."""
    stream.read(encoding.mark)
    if encoding.by_bytes:
        while data := stream.read(size):
            yield data
        return
    decoder = codecs.getincrementaldecoder(encoding.name)()
    lines = 1
    while data := stream.read(size):
        try:
            text = decoder.decode(data)
        except UnicodeError as error:
            raise undecodable(name, encoding.name, lines) from error
        lines += text.count("\n")
        yield text.encode("utf-8", "surrogatepass")


class Transcoder:
    """Makes UTF-8 of blocks of whole lines. ASCII so far, the first other byte decides for UTF-8 or
    Windows-1252."""

    def __init__(self, encoding: Encoding, name: str) -> None:
        self.encoding = encoding
        self._name = name

    def utf8(self, block: bytes, line: int) -> bytes:
        """Return a block as UTF-8; it begins at a line, counted from 1. Raises TableError."""
        if block.isascii() or not self.encoding.by_bytes:
            return block
        code = codecs.lookup(self.encoding.name).name
        if code == "utf-8":
            if is_utf8(block):
                self.encoding = replace(self.encoding, firm=True)
                return block
            if self.encoding.firm or _holds_utf8(block):
                raise undecodable(self._name, code, line + _broken_line(block, code))
            self.encoding = Encoding("cp1252")
        try:
            return block.decode(self.encoding.name).encode()
        except UnicodeDecodeError as error:
            raise undecodable(
                self._name, self.encoding.name, line + _broken_line(block, self.encoding.name)
            ) from error


def undecodable(name: str, code: str, row: int) -> TableError:
    """The refusal of text that is not of its file's encoding."""
    shown = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}.get(code, code)
    return TableError(
        f"the text is not {shown}, as the rest of the file is. Save the file as CSV UTF-8, or set encoding"
        " in the"
        " configuration",
        file=name,
        row=row,
        code="undecodable",
        params={"encoding": code},
    )


def _broken_line(block: bytes, code: str) -> int:
    for count, line in enumerate(block.splitlines()):
        try:
            line.decode(code)
        except UnicodeDecodeError:
            return count
    return 0


def _explicit(code: str) -> str:
    """Name the byte order that Python would choose: a configured `utf-16` without a mark is little-endian."""
    return f"{code}-le" if code in ("utf-16", "utf-32") else code
