"""Splits blocks of a text file row by row, and names the first row that is wrong."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ..errors import TableError
from .csv_text import match_end, uncommented
from .dialect import COMMENTS, Dialect
from .lines import Block, count_lines
from .records import Record, split_records, well_quoted


@dataclass(frozen=True, slots=True)
class StrictRows:
    """How the rows of one file must be: `name` is the file's, for errors."""

    name: str
    dialect: Dialect
    header: tuple[str, ...]

    def columns(self, block: Block) -> list[pa.Array]:
        """Split a block row by row, and name the first row that is wrong."""
        rows = []
        for line, cells in self.records(block):
            # Without its last delimiter a row ends in a value; in another place one is missing.
            whole = len(cells) == self.dialect.width and (not self.dialect.trailing or cells[-1].strip())
            if len(cells) != self.dialect.row_cells and not whole:
                raise self.wrong_width(line, cells)
            rows.append(cells[: self.dialect.width])
        if not rows:
            return [pa.array([], pa.string()) for _ in range(self.dialect.width)]
        return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]

    def records(self, block: Block) -> list[Record]:
        text = uncommented(block.data.decode("utf-8", "replace"), self.dialect.comment)
        data = text.encode()
        if b'"' in data and (end := match_end(well_quoted(self.dialect.delimiter), data)) < len(data):
            raise TableError(
                "a cell goes on after its closing quotation mark, or has none. Check for a stray quotation"
                " mark",
                file=self.name,
                row=block.line + count_lines(data[:end]),
                code="stray_quote",
            )
        try:
            found = split_records(text, self.dialect.delimiter, block.line)
        except csv.Error as error:
            raise TableError(
                f"the rows cannot be parsed ({error})", file=self.name, row=block.line, code="unparsable"
            ) from None
        expected = (self.dialect.width, self.dialect.row_cells)
        # A line such as "# restarted" between rows is a comment, but one with all cells is a row.
        return [
            (line, cells)
            for line, cells in found
            if len(cells) in expected or not cells[0].startswith(COMMENTS[:2])
        ]

    def wrong_width(self, line: int, cells: Sequence[str]) -> TableError:
        width = self.dialect.width
        return TableError(
            f"the row has {len(cells)} cells, but the header has {width}. Check for a missing or extra"
            " delimiter or quotation mark; if the line is no row, remove it",
            file=self.name,
            row=line,
            column=self.header[min(len(cells), width - 1)],
            code="wrong_width",
            params={"cells": len(cells), "columns": width},
        )
