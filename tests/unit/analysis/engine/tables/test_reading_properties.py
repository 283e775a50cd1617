"""Tables in every dialect are read exactly; damaged ones give an error message, never a crash."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analysis.engine import Chunk, EngineConfig, TableError, open_table
from services.analysis.engine.tables.columns import metadata_value
from services.analysis.engine.tables.config import ReadingConfig
from services.analysis.engine.tables.csv_sheet import CsvSheet
from services.analysis.engine.tables.lines import Block
from services.analysis.engine.tables.sources import Source

NAME = "press.csv"
# What the detection of a dialect looks at.
PIECES = (
    *("!", "#", "//", "%", ";", ",", "\t", " ", "|", "\n", "\r\n", "\r", '"', "'", "=", "\ufeff", "\x1a"),
    *("0", "1.5", "1,5", "-2e3", "NaN", "a", "b", "m", "date", "2024-01-01", "12:00", "mm/s", "[V]", "ON"),
    *("sep=;\n", "TOA5,x\n", "LabVIEW Measurement\n", "***End_of_Header***\n", "Separator\tComma\n", "Summe"),
    *("m,a,b\n", "x,1,2\n", "a;b\n", "1;2\n", "(2 rows affected)\n"),
)
READINGS = (
    ReadingConfig(),
    ReadingConfig(header=0),
    ReadingConfig(header=2),
    ReadingConfig(delimiter=";"),
    ReadingConfig(delimiter=" ", decimal=","),
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
# The csv module does not quote a lone carriage return, which then looks like a line end.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a\r"), max_size=12)
names = st.text(st.characters(categories=["L", "N", "S", "Zs", "Po"]), min_size=1, max_size=8).map(str.strip)


@dataclass(frozen=True)
class Made:
    """The intended content of a table."""

    header: list[str]
    before: int
    after: int
    rows: list[tuple[list[str], list[float], list[str]]]

    @property
    def config(self) -> EngineConfig:
        features = self.header[self.before : len(self.header) - self.after]
        end_meta = self.header[self.before - 1] if self.before else ""
        return EngineConfig(end_meta=end_meta, start_dim=features[0], end_dim=features[-1])

    @property
    def metadata(self) -> list[dict[str, object]]:
        columns = self.header[: self.before] + self.header[len(self.header) - self.after :]
        return [
            dict(zip(columns, map(metadata_value, left + right), strict=True)) for left, _, right in self.rows
        ]

    def write(self, delimiter: str, line_end: str, quoting: int, bom: bool, blank: int) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end, quoting=quoting)  # type: ignore[arg-type]
        writer.writerow(self.header)
        for left, features, right in self.rows:
            writer.writerow([*left, *(repr(value) for value in features), *right])
        return (b"\xef\xbb\xbf" if bom else b"") + (out.getvalue() + line_end * blank).encode()


@st.composite
def made(draw: st.DrawFn) -> Made:
    before, features, after = draw(st.integers(0, 3)), draw(st.integers(1, 5)), draw(st.integers(0, 2))
    width = before + features + after
    header = draw(st.lists(names.filter(bool), min_size=width, max_size=width, unique=True))
    # A header must not consist of numbers only, and a single column has no delimiter to detect.
    header[0] = "column " + header[0]
    if len(set(header)) < width or width == 1:
        header = [f"column {place}" for place in range(max(2, width))]
        features += len(header) - width
    row = st.tuples(
        st.lists(texts, min_size=before, max_size=before),
        st.lists(numbers, min_size=features, max_size=features),
        st.lists(texts, min_size=after, max_size=after),
    )
    return Made(header, before, after, draw(st.lists(row, min_size=1, max_size=12)))


dialects = st.tuples(
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.booleans(),
    st.integers(0, 2),
)


def is_delimited_by(header: list[str], delimiter: str) -> bool:
    """Delimiters inside names can outnumber the real one, unless the names are quoted."""
    return all(other == delimiter or not any(other in name for name in header) for other in ",;\t")


def read(origin: io.BytesIO, config: EngineConfig, chunk_rows: int) -> list[Chunk]:
    """Read a table, and answer the question that numbers such as 1.234 alone raise."""
    try:
        return list(open_table(origin, name=NAME, config=config, chunk_rows=chunk_rows))
    except TableError as question:
        if question.code != "ambiguous_number":
            raise
    reading = ReadingConfig(decimal=".")
    return list(open_table(origin, name=NAME, config=config, reading=reading, chunk_rows=chunk_rows))


@settings(max_examples=150, deadline=None)
@given(table=made(), dialect=dialects, packed=st.booleans(), chunk_rows=st.integers(1, 15))
def test_a_written_file_is_read_back(
    table: Made, dialect: tuple[str, str, int, bool, int], packed: bool, chunk_rows: int
) -> None:
    if dialect[2] != csv.QUOTE_ALL and not is_delimited_by(table.header, dialect[0]):
        return
    content = table.write(*dialect)
    origin = io.BytesIO(gzip.compress(content, mtime=0) if packed else content)
    parts = read(origin, table.config, chunk_rows)
    expected = np.array([features for _, features, _ in table.rows])
    np.testing.assert_array_equal(np.concatenate([part.features for part in parts]), expected)
    assert [entry for part in parts for entry in part.metadata] == table.metadata
    assert [part.first_row for part in parts] == list(range(0, len(table.rows), chunk_rows))


@settings(max_examples=60, deadline=None)
@given(table=made(), dialect=dialects)
def test_both_readers_agree(table: Made, dialect: tuple[str, str, int, bool, int]) -> None:
    if dialect[2] != csv.QUOTE_ALL and not is_delimited_by(table.header, dialect[0]):
        return
    sheet = CsvSheet.open(Source(io.BytesIO(table.write(*dialect)), NAME), ReadingConfig(), table.header)
    content = table.write(dialect[0], dialect[1], dialect[2], False, dialect[4])
    rows = content[len(Made(table.header, 0, 0, []).write(dialect[0], dialect[1], dialect[2], False, 0)) :]
    block = Block(rows, sheet.dialect.data_line)
    columns = sheet.split(block)
    assert columns is None or columns == sheet.strict.columns(block)


def consume(content: bytes, config: EngineConfig, reading: ReadingConfig | None = None) -> TableError | None:
    """Read everything, and return the error if the file is rejected. Any other exception fails the test."""
    try:
        with open_table(io.BytesIO(content), name=NAME, config=config, reading=reading) as reader:
            for part in reader:
                assert not np.isinf(part.features).any()
    except TableError as refusal:
        error = refusal
    else:
        return None
    assert error.file == NAME
    assert NAME in str(error)
    return error


@settings(max_examples=200, deadline=None)
@given(
    table=made(),
    dialect=dialects,
    cut=st.tuples(st.integers(0, 400), st.integers(0, 8)),
    put=st.binary(max_size=6),
    packed=st.booleans(),
)
def test_a_mutated_file_never_crashes(
    table: Made, dialect: tuple[str, str, int, bool, int], cut: tuple[int, int], put: bytes, packed: bool
) -> None:
    content = table.write(*dialect)
    content = gzip.compress(content, mtime=0) if packed else content
    at = cut[0] % (len(content) + 1)
    consume(content[:at] + put + content[at + cut[1] :], table.config)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    consume(content, EngineConfig(end_meta="m", start_dim="a", end_dim="b"))
    consume(b"m,a,b\nx,1,2\n" + content, EngineConfig(end_meta="m", start_dim="a", end_dim="b"))


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=14),
    config=st.sampled_from([EngineConfig(end_meta="m", start_dim="a", end_dim="b"), EngineConfig()]),
    reading=st.sampled_from(READINGS),
)
def test_any_marks_are_read_or_refused(
    pieces: list[str], config: EngineConfig, reading: ReadingConfig
) -> None:
    consume("".join(pieces).encode(), config, reading)


@settings(max_examples=100, deadline=None)
@given(
    table=made(),
    dialect=dialects,
    row=st.integers(0, 11),
    column=st.integers(0, 4),
    bad=st.sampled_from(["abc", "1_000", "1e999", "0x10", "1.2.3", "12 V", "1.5.", "e5", "1-2"]),
)
def test_a_bad_cell_is_found(
    table: Made, dialect: tuple[str, str, int, bool, int], row: int, column: int, bad: str
) -> None:
    if dialect[2] != csv.QUOTE_ALL and not is_delimited_by(table.header, dialect[0]):
        return
    # The text has no line ends, so that the row number is known.
    rows = [(["x"] * table.before, features, ["x"] * table.after) for _, features, _ in table.rows]
    plain = Made(table.header, table.before, table.after, rows)
    row, column = row % len(rows), column % len(rows[0][1])
    lines = plain.write(dialect[0], "\n", csv.QUOTE_ALL, dialect[3], 0).decode().split("\n")
    cells = lines[row + 1].split(dialect[0])
    cells[table.before + column] = f'"{bad}"'
    lines[row + 1] = dialect[0].join(cells)
    error = consume("\n".join(lines).encode(), table.config)
    assert error is not None
    assert error.row == row + 2
    assert error.column == table.header[table.before + column]


@settings(max_examples=60, deadline=None)
@given(
    position=st.integers(0, 10_000),
    put=st.binary(min_size=1, max_size=20),
    length=st.integers(1, 60),
)
def test_mutated_parquet_never_crashes(position: int, put: bytes, length: int) -> None:
    buffer = io.BytesIO()
    values = np.linspace(0.0, 1.0, 50)
    arrow_parquet.write_table(pa.table({"m": ["x"] * 50, "a": values, "b": values}), buffer)
    content = buffer.getvalue()
    at = 4 + position % (len(content) - 4)
    consume(
        content[:at] + put + content[at + length :], EngineConfig(end_meta="m", start_dim="a", end_dim="b")
    )
