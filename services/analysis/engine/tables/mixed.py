"""Columns whose cells are numbers in some rows and text in others, as Excel has them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

NUMBER, TEXT = "\x00number", "\x00text"
"""Names that no Parquet struct has."""


def mixed(numbers: Sequence[float | None], texts: Sequence[str | None]) -> pa.Array:
    """Return a column of cells that are either a number, a text, or nothing."""
    return pa.StructArray.from_arrays(
        [pa.array(numbers, pa.float64()), pa.array(texts, pa.string())], names=[NUMBER, TEXT]
    )


def is_mixed(column: pa.Array) -> bool:
    """Tell whether a column is such a one."""
    kind = column.type
    return bool(pa.types.is_struct(kind) and kind.num_fields == 2 and kind.field(0).name == NUMBER)


def parts(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the numbers and the texts of a column, each null where the cell is none."""
    return column.field(0), column.field(1)
