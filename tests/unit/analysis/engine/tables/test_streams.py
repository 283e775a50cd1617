"""A stream can be read while it is being read, and a table is read the same from anywhere in any chunks."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.analysis.engine import EngineConfig, ReadingConfig, TableError, open_table
from services.analysis.engine.tables.numbers import Numbers
from services.analysis.engine.tables.sheets import open_sheets
from services.analysis.engine.tables.understood import LeftOut

from .files import CONFIG

ROWS = 450_000


def table(last: str) -> bytes:
    """A file of several blocks whose last row needs a look at the whole file."""
    return ("m;a;b\n" + "".join(f"x;{row},5;{row}\n" for row in range(ROWS)) + last).encode()


def test_passes_over_one_stream_may_overlap() -> None:
    (sheet,) = open_sheets(io.BytesIO(table("")), "t.csv")
    passes = [sheet.batches(), sheet.batches()]
    numbers = [Numbers(sheet, (1, 2), ReadingConfig()) for _ in passes]
    seen: list[list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]] = [[], []]
    for first, second in zip(*passes, strict=True):
        seen[0].append(numbers[0].convert(first))
        seen[1].append(numbers[1].convert(second))
    expected = np.arange(ROWS)[:, None] + [0.5, 0.0]
    for parts in seen:
        np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_a_late_look_at_the_whole_file_does_not_lose_the_place() -> None:
    """A first `1.234.567` sends the reader through all of the file, in the middle of a pass."""
    content = table("x;1.234.567,5;7\n" + "x;8,5;9\n" * ROWS)
    with open_table(io.BytesIO(content), name="t.csv", config=CONFIG, chunk_rows=10_000) as reader:
        found = np.concatenate([chunk.features for chunk in reader])
    assert found.shape == (2 * ROWS + 1, 2)
    np.testing.assert_array_equal(found[:ROWS, 0], np.arange(ROWS) + 0.5)
    assert found[ROWS].tolist() == [1234567.5, 7.0]
    np.testing.assert_array_equal(found[ROWS + 1 :], [[8.5, 9.0]] * ROWS)


def test_a_pass_that_is_given_up_leaves_the_stream_usable() -> None:
    stream = io.BytesIO(table("x;oops;1\n"))
    with open_table(stream, name="t.csv", config=CONFIG) as reader:
        next(iter(reader))
        with pytest.raises(TableError, match="oops"):
            list(reader)
    assert not stream.closed


def test_raw_files_of_plants_are_read(data: Path) -> None:
    """They are here where the reference data sets are."""
    expected = {
        "raw-bearing-nameless-index.csv.gz": (984, ("column_1", "0", "3"), 0, "utf-8", None),
        "raw-historian-status-words.csv.gz": (
            3169,
            ("column_1", "tag0", "tag107"),
            475,
            "utf-8",
            "Inp OutRange",
        ),
        "raw-water-pump.csv.gz": (500, ("timestamp", "sensor_00", "sensor_51"), 181, "utf-8", ""),
        "raw-wind-scada-windows-1252.csv.gz": (
            12_000,
            ("Date/Time", "ActivePower", "Wind Direction (¡ã)"),
            0,
            "cp1252",
            None,
        ),
    }
    for name, (rows, columns, incomplete, encoding, word) in expected.items():
        with pytest.raises(TableError) as caught:
            open_table(data / name, name=name, config=EngineConfig())
        suggestion = caught.value.suggestion
        assert suggestion is not None
        assert tuple(suggestion.values()) == columns, name
        advised: dict[str, Any] = dict(suggestion)
        reader = open_table(data / name, name=name, config=replace(EngineConfig(), **advised))
        features = np.concatenate([chunk.features for chunk in reader])
        assert len(features) == rows, name
        assert int(np.isnan(features).any(axis=1).sum()) == incomplete, name
        assert reader.understood[0].encoding == encoding
        assert word is None or any(word in words for words in reader.facts.missing.values())


def test_another_code_page_is_a_setting(data: Path) -> None:
    """The bytes of ° are GBK's there, which nothing but the name of a column shows."""
    name = "raw-wind-scada-windows-1252.csv.gz"
    (sheet,) = open_sheets(data / name, name, ReadingConfig(encoding="gbk"))
    assert sheet.header[-1] == "Wind Direction (°)"


def test_what_is_left_out_of_a_pass_is_said_once() -> None:
    (sheet,) = open_sheets(io.BytesIO(b"m,a,b\nx,1,2\ny,3"), "t.csv")
    for _ in range(2):
        left_out: list[LeftOut] = []
        assert sum(batch.rows for batch in sheet.batches(left_out)) == 1
        assert [left.row for left in left_out] == [3]
