"""Text in Parquet files: any bytes may stand where the schema says text, of any length."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as compute

from ..errors import TableError
from .sources import Source


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of this type are text or bytes."""
    return _is_decoded(kind) or bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def text_bytes(columns: Sequence[pa.Array]) -> int:
    """What the text of some columns takes when each cell has its own."""
    total = 0
    for column in columns:
        if pa.types.is_dictionary(column.type) and is_text(column.type.value_type):
            lengths = compute.take(compute.binary_length(column.dictionary), column.indices)
            total += compute.sum(lengths).as_py() or 0
        elif is_text(column.type):
            total += compute.sum(compute.binary_length(column)).as_py() or 0
    return total


def check_text(columns: Sequence[pa.Array], header: Sequence[str], source: Source, first_row: int) -> None:
    """Refuse a cell that is too long or no text, and count what the text expands to.

    Raises TableError that names the cell.
    """
    limit = source.limits.cell_characters
    for name, column in zip(header, columns, strict=True):
        values = column.dictionary if pa.types.is_dictionary(column.type) else column
        if not is_text(values.type):
            continue
        longest = compute.max(compute.binary_length(values)).as_py() or 0
        if longest > limit * 4:
            raise TableError(
                f"a cell has {longest} bytes of text, but at most {limit} characters are allowed",
                file=source.name,
                row=first_row + 1,
                column=name,
                code="cell_too_long",
                params={"limit": limit},
            )
        if (place := _no_text(values)) is not None:
            row = place if values is column else compute.index(column.indices, place).as_py()
            raise TableError(
                "the cell is not text: it contains bytes that are not UTF-8, or a NUL character. Export the"
                " file again",
                file=source.name,
                row=first_row + row + 1 if row >= 0 else None,  # a dictionary has texts of later rows
                column=name,
                code="undecodable",
            )
    source.meter.add(text_bytes(columns), source.name, source.limits)


def _is_decoded(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _no_text(values: pa.Array) -> int | None:
    """The place of the first cell that cannot be decoded or has a NUL."""
    if not _is_decoded(values.type):
        return None  # bytes are decoded as far as possible
    binary = values.view(pa.large_binary() if pa.types.is_large_string(values.type) else pa.binary())
    with_nul = int(compute.index(compute.match_substring(binary, b"\x00"), True).as_py())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        undecodable = next(place for place, cell in enumerate(binary.to_pylist()) if not _decodes(cell))
        return undecodable if with_nul < 0 else min(with_nul, undecodable)
    return with_nul if with_nul >= 0 else None


def _decodes(cell: bytes | None) -> bool:
    try:
        (cell or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
