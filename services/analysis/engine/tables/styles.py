"""Finds how a table writes its numbers, by a sample of its rows where that suffices, otherwise by all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as compute

from ..errors import TableError
from .config import ReadingConfig
from .mixed import is_mixed, parts
from .sheet import Sheet
from .style import OTHER, Evidence, Question, Style, ask, decide, gather

PADDING = " \t\u00a0"


class StyleFinder:
    """Finds the style of some columns of a sheet."""

    def __init__(self, sheet: Sheet, places: Sequence[int | None], reading: ReadingConfig) -> None:
        self._sheet, self._places, self._reading = sheet, places, reading

    def first(self) -> Style:
        """Return the style that the first rows suggest, or else all. Raises TableError with a question."""
        reading, understood = self._reading, self._sheet.understood
        if reading.decimal is None and understood.decimal is not None and understood.form == "csv":
            return Style(understood.decimal, reading.thousands or "")  # the file says so itself
        if reading.decimal is not None or reading.thousands in OTHER:
            return self._decided(decide(Evidence(), reading, understood.delimiter))
        sampled = self._sampled()
        comma = understood.delimiter == "," and not any(mark == "," for _, mark in sampled.seen)
        proved = len(sampled.decimals()) == 1 and not sampled.total("either", OTHER[sampled.decimals()[0]])
        if understood.form != "csv":
            return Style(".", reading.thousands)
        if comma or proved:
            found = decide(sampled, reading, ",")
            if isinstance(found, Style):
                return found if found.thousands else replace(found, thousands=reading.thousands)
        return self._decided(decide(gather(self._texts(), first_proof=True), reading, understood.delimiter))

    def _sampled(self) -> Evidence:
        """What the sampled cells say, as if in one column: no style depends on where they stand."""
        rows = self._sheet.sample
        width = min(map(len, rows), default=0)
        places = [place for place in self._places if place is not None and place < width]
        sampled = Evidence()
        sampled.add(0, pa.array([row[place] for row in rows for place in places], pa.string()), 0)
        return sampled

    def settled(self, current: Style, *, unread: bool) -> Style:
        """Return the style that all cells of the file give. Raises TableError if they leave a question open.

        Rows have been read in the `current` style, unless `unread`: a different separator is an error then.
        """
        evidence = gather(self._texts(), first_proof=False)
        style = self._decided(decide(evidence, self._reading, self._sheet.understood.delimiter))
        if self._reading.thousands is None and not style.thousands:
            style = replace(style, thousands=self._spaced(style.decimal))
        if style.decimal != current.decimal and not unread:
            place, seen = next(
                (p, s) for (p, mark), s in evidence.seen.items() if mark == style.decimal and s.example
            )
            assert seen.example is not None
            row, cell = seen.example
            raise TableError(
                f"'{cell}' has a decimal {'comma' if style.decimal == ',' else 'point'}, while earlier rows"
                f" were read with the other one. Set decimal to '{style.decimal}' in the configuration",
                file=self._sheet.name,
                row=self._line(row),
                column=self._sheet.header[place],
                code="ambiguous_number",
                params={"cell": cell, "options": [".", ","]},
                proposal={"decimal": style.decimal},
            )
        return style

    def _spaced(self, decimal: str) -> str | None:
        """Return the space or apostrophe that groups digits somewhere in the file, if one does."""
        for _, columns in self._texts():
            for _, column in columns:
                for mark in (" ", "'"):
                    pattern = Style(decimal, mark).grouped or ""
                    trimmed = compute.utf8_trim(column, characters=PADDING)
                    if compute.any(compute.match_substring_regex(trimmed, pattern)).as_py():
                        return mark
        return None

    def _texts(self) -> Iterator[tuple[int, list[tuple[int, pa.Array]]]]:
        for batch in self._sheet.batches():
            columns = [(place, text_of(batch.columns[place])) for place in self._places if place is not None]
            yield batch.first_row, [(place, cells) for place, cells in columns if cells is not None]

    def _decided(self, found: Style | Question) -> Style:
        if isinstance(found, Question):
            raise ask(found, self._sheet.header, self._sheet.name, self._line(found.row))
        return found

    def _line(self, row: int) -> int | None:
        for batch in self._sheet.batches():
            if row < batch.first_row + batch.rows:
                return batch.locate(row - batch.first_row)
        return None


def text_of(column: pa.Array) -> pa.Array | None:
    """Return the text of a column, empty where it has none; None if the column is typed."""
    if is_mixed(column):
        column = parts(column)[1]
    elif pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return compute.fill_null(column, "") if text else None
