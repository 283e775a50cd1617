"""What a file may cost its reader."""

from __future__ import annotations

from dataclasses import dataclass

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one upload, checked while it is read; a service passes its settings.

    `expanded_bytes`: of all files together, decompressed; `ratio`: how many times its size a compressed file
    may expand, once it has expanded to `ratio_from_bytes`; `line_bytes`: a line of a text file;
    `cell_characters`: a cell of text; `batch_bytes`: the text of the rows that are in memory at once;
    `columns` and `rows`; `members`: the files of an archive; `depth`: archives within archives.
    """

    expanded_bytes: int = 4 * GIB
    ratio: int = 250
    ratio_from_bytes: int = 256 * MIB
    line_bytes: int = 32 * MIB
    cell_characters: int = 100_000
    batch_bytes: int = 64 * MIB
    columns: int = 32_768
    rows: int = 10_000_000
    members: int = 1_000
    depth: int = 2


def size_words(size: int) -> str:
    """Return a number of bytes in words: `4 GiB`, `1.5 MiB`."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"
