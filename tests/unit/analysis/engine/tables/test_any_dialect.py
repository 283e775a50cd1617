"""Tables in every dialect are read back exactly; damaged, they are read right, asked about or refused."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.analysis.engine import EngineConfig, ReadingConfig, TableError, open_table

NAMES = ("Prüfling", "Drehzahl [1/min]", "T1", "Weg µm", "Ende")
CONFIG = EngineConfig(end_meta=NAMES[0], start_dim=NAMES[1], end_dim=NAMES[3])
TEXTS = ("Lauf 7", "run", "Öl", "X-12", "12E4", "007", "")
WORDS = ("", "Bad", "NaN", "I/O Timeout", "#N/A", "-")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+")
MAX_FOLLOWED = 3
"""Proposals that are followed one after the other."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written."""

    delimiter: str
    decimal: str
    thousands: str
    end: str
    encoding: str
    preamble: str
    units: bool
    quoted: bool
    trailing: bool
    packed: str

    def number(self, value: float | None, decimals: int, word: str) -> str:
        """Write a number with a fixed number of decimals."""
        if value is None:
            return word
        text = f"{value:,.{decimals}f}" if self.thousands else f"{value:.{decimals}f}"
        return "".join({",": self.thousands, ".": self.decimal}.get(mark, mark) for mark in text)

    def row(self, cells: list[str]) -> str:
        """Write a row."""
        written = [
            f'"{cell}"' if self.quoted or self.delimiter in cell or '"' in cell else cell for cell in cells
        ]
        return self.delimiter.join(written) + (self.delimiter if self.trailing else "") + self.end


@dataclass(frozen=True)
class Written:
    """A table as it was meant, and its file."""

    values: NDArray[np.float64]
    lines: tuple[str, ...]
    first: int
    dialect: Dialect

    def content(self, lines: tuple[str, ...] | None = None) -> bytes:
        """Return the file, or one with other lines."""
        data = "".join(self.lines if lines is None else lines).encode(self.dialect.encoding)
        if self.dialect.packed == "gzip":
            return gzip.compress(data, mtime=0)
        if self.dialect.packed == "zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("a.csv", data)
            return buffer.getvalue()
        return data


dialects = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", "", ".", ",", "'", " ", "\u00a0"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    preamble=st.sampled_from(["", "# by hand\n", "Station: 7\nfrom 2024-03-01 to 2024-03-02\n", "sep="]),
    units=st.booleans(),
    quoted=st.booleans(),
    trailing=st.booleans(),
    packed=st.sampled_from(["", "", "gzip", "zip"]),
).filter(
    # Between commas, 1.000 has a decimal point; what groups with points there cannot be told from it.
    lambda dialect: (
        dialect.decimal != dialect.thousands and (dialect.delimiter, dialect.thousands) != (",", ".")
    )
)


@st.composite
def written(draw: st.DrawFn) -> Written:
    dialect = draw(dialects)
    decimals = draw(st.sampled_from([0, 1, 2, 3, 3, 6]))
    rows = draw(st.integers(1, 12))
    numbers = st.integers(-(10**9), 10**9).map(lambda number: number / 10 ** draw_free(decimals))
    cells = [[draw(st.one_of(numbers, numbers, numbers, st.none())) for _ in range(3)] for _ in range(rows)]
    lines = []
    if dialect.preamble == "sep=":
        lines.append(f"sep={dialect.delimiter}{dialect.end}")
    elif dialect.preamble:
        lines += [line + dialect.end for line in dialect.preamble.splitlines()]
    lines.append(dialect.row(list(NAMES)))
    if dialect.units:
        lines.append(dialect.row(["", "1/min", "°C", "mm", ""]))
    first = len(lines)
    for row in cells:
        texts = [dialect.number(value, decimals, draw(st.sampled_from(WORDS))) for value in row]
        lines.append(dialect.row([draw(st.sampled_from(TEXTS[:-1])), *texts, draw(st.sampled_from(TEXTS))]))
    values = np.array([[np.nan if value is None else value for value in row] for row in cells])
    return Written(values, tuple(lines), first, dialect)


def draw_free(decimals: int) -> int:
    """The number of decimals; a function, so that the strategy stays one expression."""
    return decimals


def read(content: bytes, dialect: Dialect, *, answers: bool = True) -> NDArray[np.float64] | TableError:
    """Read a file; answer questions as its writer would."""
    reading = ReadingConfig()
    for _ in range(MAX_FOLLOWED):
        try:
            chunks = list(open_table(io.BytesIO(content), name="t", config=CONFIG, reading=reading))
            return np.concatenate([chunk.features for chunk in chunks])
        except TableError as error:
            if error.code != "ambiguous_number" or not answers:
                return error
            reading = ReadingConfig(decimal=dialect.decimal)
    raise AssertionError("the answer to a question was not enough")


@settings(max_examples=150, deadline=None)
@given(table=written())
def test_a_table_in_any_dialect_is_read_back_exactly(table: Written) -> None:
    found = read(table.content(), table.dialect)
    assert not isinstance(found, TableError), (str(found), table.content())
    np.testing.assert_array_equal(found, table.values)


DAMAGES = (
    "cut",
    "swap separators",
    "drop a delimiter",
    "add a delimiter",
    "add a quote",
    "put NUL",
    "join lines",
    "word",
)


@settings(max_examples=400, deadline=None)
@given(
    table=written(),
    damage=st.sampled_from(DAMAGES),
    at=st.integers(0, 10**6),
    word=st.sampled_from(["Kaputt", "12 V", "1.2.3", "1,2,3", "--5", "0x1F"]),
)
def test_a_damaged_table_never_gives_a_wrong_number(table: Written, damage: str, at: int, word: str) -> None:
    """Every number that is read is one of the table's own, in its column; damage may only lose numbers."""
    lines = list(table.lines)
    place = table.first + at % (len(lines) - table.first)
    line = lines[place]
    spot = at % max(1, len(line.rstrip("\r\n")))
    delimiter = table.dialect.delimiter
    cells = line.split(delimiter)
    if damage == "cut":
        lines = [*lines[:place], line[:spot]]
    elif damage == "swap separators":
        lines[place] = line.translate(str.maketrans(".,", ",.")) if delimiter != "," else line
        # What then looks like groups of thousands is read so, in a column that has nothing else.
        assume(not any(GROUPED.fullmatch(cell.strip(' "\r\n')) for cell in lines[place].split(delimiter)))
    elif damage == "drop a delimiter":
        # The only row might as well lack the delimiter at its end.
        assume(len(lines) > table.first + 1 or not table.dialect.trailing)
        lines[place] = line.replace(delimiter, "", 1)
    elif damage == "add a delimiter":
        lines[place] = line[:spot] + delimiter + line[spot:]
    elif damage == "add a quote":
        lines[place] = line[:spot] + '"' + line[spot:]
    elif damage == "put NUL":
        lines[place] = line[:spot] + "\x00" + line[spot:]
    elif damage == "join lines":
        lines[place] = line.rstrip("\r\n")
    else:
        lines[place] = delimiter.join([cells[0], word, *cells[2:]])
    # The writer's answer is about the table as it was meant: it is wrong for a cell whose separators changed.
    found = read(table.content(tuple(lines)), table.dialect, answers=damage != "swap separators")
    if isinstance(found, TableError):
        assert found.message
        return
    for column in range(3):
        meant = Counter(table.values[:, column].tolist())
        for value, count in Counter(found[:, column].tolist()).items():
            if not np.isnan(value):
                assert count <= meant[value], (value, damage, table.content(tuple(lines)))


@pytest.mark.parametrize(
    "rows",
    [
        ["Run 7,0,0,0,Run 7", "Run 7,,,,Run 7", "Run ,7,0,,,", "Run 7,,,,Run 7"],
        ["Run 7,0,0,0,Run 7", "Run ,7,0,0,,"],
        ["Run ,7,0,0,,"],
    ],
)
def test_a_delimiter_too_many_is_not_taken_for_one_at_the_end(rows: list[str]) -> None:
    content = "\n".join(["Prüfling,Drehzahl [1/min],T1,Weg µm,Ende", ",1/min,°C,mm,", *rows, ""]).encode()
    with pytest.raises(TableError, match=r"6 cells") as refused:
        list(open_table(io.BytesIO(content), name="t", config=CONFIG, reading=ReadingConfig()))
    assert refused.value.code == "wrong_width"


@settings(max_examples=150, deadline=None)
@given(
    table=written(),
    words=st.lists(st.sampled_from(["Kaputt", "12 V", "n.V.", "Pump Trip", "OFF", "$5"]), max_size=3),
    at=st.integers(0, 10**6),
)
def test_following_the_advice_of_errors_succeeds(table: Written, words: list[str], at: int) -> None:
    """Each proposal solves its problem, and after as many as there are problems the file is read."""
    lines = list(table.lines)
    for step, word in enumerate(words):
        place = table.first + (at + step) % (len(lines) - table.first)
        cells = lines[place].split(table.dialect.delimiter)
        if any(cell.count('"') % 2 for cell in cells[1 + step : 2 + step]):
            return  # a quoted cell with a delimiter in it would be hit
        lines[place] = table.dialect.delimiter.join([*cells[: 1 + step], word, *cells[2 + step :]])
    content, reading = table.content(tuple(lines)), ReadingConfig()
    seen: set[tuple[str, int | None, str | None]] = set()
    for _ in range(len(words) + 3):
        error = attempt(content, reading)
        if error is None or error.code == "stray_quote":
            return
        problem = (error.code, error.row, error.column)
        assert error.proposal, (str(error), content)
        assert problem not in seen, (str(error), content)
        seen.add(problem)
        changes: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in error.proposal.items()
        }
        reading = replace(reading, **changes)
    raise AssertionError((seen, content))


def attempt(content: bytes, reading: ReadingConfig) -> TableError | None:
    """Read a file, and return the error if there is one."""
    try:
        list(open_table(io.BytesIO(content), name="t", config=CONFIG, reading=reading))
    except TableError as error:
        return error
    return None
