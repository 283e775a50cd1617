"""Words for missing values that were met before are read with the numbers, and counted as before."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import EngineConfig, TableError, open_table
from services.analysis.engine.tables import csv_sheet
from services.analysis.engine.tables.csv_sheet import CsvSheet
from services.analysis.engine.tables.sheet import Batch

Floats = NDArray[np.float64]

WORDS = ("Bad", "", "I/O Timeout", "No Data")
COLUMNS = 4


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks, without large files."""
    monkeypatch.setattr(csv_sheet, "block_bytes", lambda _lines: 2_000)


def table(rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    header = delimiter.join(["n", *(f"f_{place}" for place in range(COLUMNS))])
    lines = (delimiter.join([str(number), *row]) for number, row in enumerate(rows))
    return "\n".join([header, *lines, ""]).encode()


def read(content: bytes) -> tuple[Floats, dict[str, Counter[str]]]:
    config = EngineConfig(end_meta="n", start_dim="f_0", end_dim=f"f_{COLUMNS - 1}")
    reader = open_table(io.BytesIO(content), name="t.csv", config=config)
    features = np.concatenate([chunk.features for chunk in reader])
    return features, {name: +words for name, words in reader.facts.missing.items() if +words}


def cells(seed: int, words: Sequence[str], share: float, decimal: str = ".") -> list[list[str]]:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(1_500, COLUMNS)).round(4)
    chosen = rng.random(numbers.shape) < share
    return [
        [
            str(rng.choice(words)) if missing else f"{value:.4f}".replace(".", decimal)
            for value, missing in zip(row, marks, strict=True)
        ]
        for row, marks in zip(numbers, chosen, strict=True)
    ]


def meant(rows: Sequence[Sequence[str]], words: Sequence[str]) -> tuple[Floats, dict[str, Counter[str]]]:
    """What is to be read, cell by cell."""
    values = [[np.nan if cell in words else float(cell.replace(",", ".")) for cell in row] for row in rows]
    counts = {
        f"f_{place}": Counter(row[place] for row in rows if row[place] in words) for place in range(COLUMNS)
    }
    return np.array(values), {name: found for name, found in counts.items() if found}


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """The batches that were read."""
    found: list[Batch] = []

    def kept(sheet: CsvSheet, *arguments: Any) -> Iterator[Batch]:
        for batch in original(sheet, *arguments):
            found.append(batch)
            yield batch

    original = CsvSheet.batches
    monkeypatch.setattr(CsvSheet, "batches", kept)
    return found


@pytest.mark.parametrize("words", [("",), ("Bad",), WORDS])
@pytest.mark.parametrize(("delimiter", "decimal"), [(",", "."), (";", ",")])
def test_known_words_are_read_with_the_numbers(
    words: Sequence[str], delimiter: str, decimal: str, batches: list[Batch]
) -> None:
    rows = cells(1, words, 0.1, decimal)
    values, counts = read(table(rows, delimiter))
    np.testing.assert_array_equal(values, meant(rows, words)[0])
    assert counts == meant(rows, words)[1]
    assert sum(batch.numbers is not None for batch in batches) > len(batches) / 2


def test_a_word_that_comes_late_is_known_from_then_on(batches: list[Batch]) -> None:
    rows = [*cells(2, ("Bad",), 0.1), *cells(3, WORDS, 0.1)]
    values, counts = read(table(rows))
    np.testing.assert_array_equal(values, meant(rows, WORDS)[0])
    assert counts == meant(rows, WORDS)[1]
    assert batches[-1].numbers is not None


def test_a_word_that_means_nothing_is_refused_where_it_stands() -> None:
    rows = cells(4, WORDS, 0.1)
    rows[1_400][2] = "hello"
    with pytest.raises(TableError) as refused:
        read(table(rows))
    assert (refused.value.row, refused.value.column) == (1_402, "f_2")


def test_a_switch_is_no_missing_value_in_a_column_of_numbers() -> None:
    rows = cells(5, WORDS, 0.1)
    rows[1_400][1] = "ON"
    with pytest.raises(TableError) as refused:
        read(table(rows))
    assert (refused.value.code, refused.value.row) == ("switch_or_status", 1_402)
