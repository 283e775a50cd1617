"""A text file as a sheet. Apache Arrow splits blocks of rows into cells; odd blocks are split row by row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from ..errors import TableError
from .cells import column_kind, kind_of
from .columns import checked_header
from .config import ReadingConfig
from .csv_numbers import column_names, conversion, finite
from .csv_strict import StrictRows
from .csv_tail import without_cut_line, without_footer
from .csv_text import (
    Repeats,
    after_lines,
    endless_line,
    joined,
    read_head,
    uncommented,
    uncommented_bytes,
    with_tabs,
)
from .detection import MAX_SAMPLED_RECORDS, detect_dialect
from .dialect import NO_DELIMITER, Dialect
from .encoding import Encoding, Transcoder, decoded, detect_encoding, utf8_chunks
from .lines import BLOCK_BYTES, Block, ahead, block_bytes, blocks
from .records import BLANKS, quotes_fit, split_records, text_lines
from .sheet import SAMPLED_ROWS, Batch, Expected
from .sources import Source, refuse_foreign
from .understood import LeftOut, Understood
from .words import counted

MAX_FAILURES = 3
"""Blocks with other cells than numbers where numbers are expected, before they are expected no more."""

MAX_WORDS = 50
"""Different words for missing values that blocks of numbers may hold."""

COMPARED_BYTES = 2**16
"""The end of a block is kept to compare a last line with."""


@dataclass(frozen=True, slots=True)
class CsvSheet:
    """A text file whose layout has been found."""

    source: Source
    reading: ReadingConfig
    dialect: Dialect
    encoding: Encoding
    header: tuple[str, ...]
    kinds: tuple[str, ...]
    sample: list[list[str]]
    repeats: Repeats
    block_bytes: int = BLOCK_BYTES

    @classmethod
    def open(cls, source: Source, reading: ReadingConfig, wanted: Sequence[str] = ()) -> Self:
        """Find the layout. A row that holds all `wanted` names is the header. Raises TableError."""
        head, complete = read_head(source)
        refuse_foreign(head, source.name)
        encoding = detect_encoding(head, reading.encoding, source.name)
        text = decoded(head, encoding).rstrip("\x00\x1a")
        if not complete:
            text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
        if not text:
            raise endless_line(source, 1)
        dialect = detect_dialect(text, complete, reading, wanted, source.name, source.limits.columns)
        names = dialect.header or tuple("" for _ in range(dialect.width))
        header = checked_header(names, source.name, dialect.header_line)
        every = text_lines(text)
        lines = every[dialect.data_line - 1 :]
        # A header of numbers may be a row as any other.
        named = dialect.header_line is not None and any(kind_of(name) == "text" for name in header)
        written = every[dialect.header_line - 1].strip() if named and dialect.header_line else ""
        repeats = Repeats.of(written, dialect.preamble, dialect.delimiter, dialect.width)
        try:
            rows = split_records(uncommented("".join(lines), dialect.comment), dialect.delimiter)
        except csv.Error:
            rows = []
        cells = [row[: dialect.width] for _, row in rows[:MAX_SAMPLED_RECORDS] if len(row) >= dialect.width]
        kinds = tuple(
            column_kind([row[place] for row in cells[:SAMPLED_ROWS]]) for place in range(dialect.width)
        )
        sample = [row for row in cells if [cell.strip() for cell in row] != list(header)][:SAMPLED_ROWS]
        return cls(
            source,
            reading,
            dialect,
            encoding,
            header,
            kinds,
            sample,
            repeats,
            block_bytes(lines[:SAMPLED_ROWS]),
        )

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    @property
    def strict(self) -> StrictRows:
        """How a block is split that Arrow cannot split."""
        return StrictRows(self.name, self.dialect, self.header)

    @property
    def header_row(self) -> int | None:
        """The line of the header."""
        return self.dialect.header_line

    @property
    def understood(self) -> Understood:
        """How the file is read."""
        return Understood(
            form="csv",
            encoding=self.encoding.name,
            delimiter=None if self.dialect.delimiter == NO_DELIMITER else self.dialect.delimiter[:1],
            decimal=self.dialect.decimal,
            header_line=self.dialect.header_line,
            preamble=self.dialect.preamble,
            units=self.dialect.units,
            comment=self.dialect.comment,
            trailing_delimiter=self.dialect.trailing,
            archive=self.source.archive,
        )

    def batches(
        self, left_out: list[LeftOut] | None = None, expected: Expected | None = None
    ) -> Iterator[Batch]:
        """Yield all rows. A line that was cut at the end of the file is left out."""
        return ahead(self._batches(left_out, expected))

    def _batches(self, left_out: list[LeftOut] | None, expected: Expected | None) -> Generator[Batch]:
        first_row, before, failures, known = 0, b"", 0, 0
        words = self._header_words(expected)
        delimiter = self.dialect.delimiter.encode()[:1]
        transcoder = Transcoder(self.encoding, self.name)
        with self.source.open() as stream:
            chunks = utf8_chunks(stream, self.encoding, self.block_bytes, self.name)
            body = after_lines(chunks, self.dialect.data_line - 1)
            rest = blocks(body, delimiter, self.source.limits, self.name, self.dialect.data_line)
            for raw in rest:
                block = Block(transcoder.utf8(raw.data, raw.line), raw.line, raw.open_end)
                # Nothing but numbers is no header: only what else a block holds is searched for repeats.
                searched = block.open_end or expected is None or words <= expected.missing
                if searched:
                    block = self._without_repeats(block, left_out)
                if block.open_end:
                    block, cut = without_cut_line(block, before, self.dialect)
                    if cut is not None and left_out is not None:
                        left_out.append(LeftOut(self.name, cut[0], "cut_line", cut[1]))
                if block.data.isspace() or not block.data:
                    continue
                before = block.data[-COMPARED_BYTES:]
                before = before[before.find(b"\n") + 1 :] if len(before) == COMPARED_BYTES else before
                batch = None
                if expected is not None:
                    if known < len(expected.missing) <= MAX_WORDS:
                        # What stood in the way of the last blocks may be known by now.
                        failures, known = 0, len(expected.missing)
                    if failures < MAX_FAILURES:
                        batch = self._numbers(block, expected, first_row)
                        failures += batch is None
                if batch is None and not searched:
                    block, whole = self._without_repeats(block, left_out), block
                    if block is not whole and expected is not None:
                        words = frozenset()  # from here on, they are expected
                        batch = self._numbers(block, expected, first_row)
                batch = batch or self._batch(block, first_row, rest, left_out)
                if batch.rows:
                    yield batch
                    first_row += batch.rows

    def _header_words(self, expected: Expected | None) -> frozenset[str]:
        """Return the names of columns of numbers that cannot be numbers themselves."""
        names = (
            [self.dialect.header[place] for place in expected.places]
            if expected and self.dialect.header
            else []
        )
        return frozenset(name for name in names if kind_of(name) == "text")

    def _without_repeats(self, block: Block, left_out: list[LeftOut] | None) -> Block:
        """Return a block without lines that the file has before its rows; itself if it has none."""
        data, lines = self.repeats.without(block.data)
        if left_out is not None:
            left_out += [
                LeftOut(self.name, block.line + line, f"repeated_{what}", f"the line repeats the {what}")
                for line, what in lines
            ]
        return Block(data, block.line, block.open_end) if lines else block

    def _numbers(self, block: Block, expected: Expected, first_row: int) -> Batch | None:
        """Return a block whose expected columns hold nothing but numbers and expected words."""
        missing = frozenset(expected.missing if len(expected.missing) <= MAX_WORDS else ())
        columns = self.split(block, expected, missing)
        numbers = None if columns is None else finite(columns, expected)
        if columns is None or numbers is None:
            return None
        words = self._words(block, {place: columns[place] for place in expected.places}, missing)
        return None if words is None else self._checked(block, columns, first_row, numbers, words)

    def _words(
        self, block: Block, columns: Mapping[int, pa.Array], missing: frozenset[str]
    ) -> Mapping[int, Counter[str]] | None:
        """Count the words that stand for the missing cells of columns."""
        with_words = {place: column for place, column in columns.items() if column.null_count}
        if not with_words or len(missing) == 1:
            return {
                place: Counter({word: column.null_count for word in missing})
                for place, column in with_words.items()
            }
        texts = self.split(block)
        if texts is None:
            return None
        return {place: counted(texts[place].filter(column.is_null())) for place, column in with_words.items()}

    def _batch(
        self, block: Block, first_row: int, rest: Iterator[Block], left_out: list[LeftOut] | None
    ) -> Batch:
        columns = self.split(block)
        if columns is None:
            try:
                columns = self.strict.columns(block)
            except TableError as error:
                if error.code != "wrong_width" or error.row is None:
                    raise
                found = without_footer(block, error.row, rest, self.dialect)
                if found is None:
                    raise
                block, lines = found
                if left_out is not None:
                    said = "the line is no row, but text after the last one"
                    left_out += [LeftOut(self.name, line, "footer", said) for line in lines]
                columns = self.strict.columns(block)
        return self._checked(block, columns, first_row)

    def _checked(
        self,
        block: Block,
        columns: list[pa.Array],
        first_row: int,
        numbers: NDArray[np.float64] | None = None,
        words: Mapping[int, Counter[str]] | None = None,
    ) -> Batch:
        """Raises TableError for a cell that is too long, or one beside the columns."""
        columns = self._without_trailing(columns, block)
        limit = self.source.limits.cell_characters
        for place, column in enumerate(columns):
            if pa.types.is_floating(column.type) or column.nbytes <= limit:
                continue
            longest = compute.max(compute.binary_length(column)).as_py()
            if longest > limit:
                row = compute.index(compute.greater(compute.binary_length(column), limit), True).as_py()
                raise TableError(
                    f"the cell has {longest} characters, but at most {limit} are allowed. Check for a missing"
                    " quotation mark",
                    file=self.name,
                    row=self._line(block, row),
                    column=self.header[place],
                    code="cell_too_long",
                    params={"limit": limit},
                )
        return Batch(
            columns, first_row, lambda row: self._line(block, row), numbers=numbers, words=words or {}
        )

    def split(
        self, block: Block, expected: Expected | None = None, missing: frozenset[str] = frozenset()
    ) -> list[pa.Array] | None:
        """Split a block into columns of text; None if Arrow cannot, or would be more lenient than we are.

        The columns that are `expected` to be numbers are, or not finite, or null where a `missing` word is;
        None if one of their cells is none of these.
        """
        data = block.data
        mark = self.dialect.comment
        if mark is not None and mark.encode() in data:
            data = uncommented_bytes(data, mark.encode())
        delimiter = self.dialect.delimiter
        if delimiter in BLANKS:
            if b'"' in data or b"\xc2\xa0" in data:
                return None
            data = with_tabs(data, delimiter)
            delimiter = "\t"
        quoted = b'"' in data
        if quoted and not quotes_fit(data, delimiter):
            return None
        try:
            table = arrow_csv.read_csv(
                pa.py_buffer(data),
                read_options=arrow_csv.ReadOptions(
                    column_names=column_names(self.dialect.row_cells),
                    block_size=max(len(data) + 1, 1024),
                ),
                parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=quoted),
                convert_options=conversion(self.dialect.row_cells, expected, missing),
            )
        except pa.ArrowInvalid:
            return None
        return [joined(column) for column in table.columns]

    def _line(self, block: Block, row: int) -> int:
        return self.strict.records(block)[row][0]

    def _without_trailing(self, columns: list[pa.Array], block: Block) -> list[pa.Array]:
        for column in columns[self.dialect.width :]:
            filled = compute.greater(compute.binary_length(compute.utf8_trim_whitespace(column)), 0)
            row = compute.index(filled, True).as_py()
            if row >= 0:
                line, cells = self.strict.records(block)[row]
                raise self.strict.wrong_width(line, cells)
        return columns[: self.dialect.width]
