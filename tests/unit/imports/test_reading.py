"""What is read of exports, and how it is cut into ranges."""

import csv
import gzip
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from dinsight.imports.azure import read_azure
from dinsight.imports.cutting import Piece, cut
from dinsight.imports.dataset import Dataset, Span
from dinsight.imports.errors import ImportRefused
from dinsight.imports.lookout import read_lookout
from tests.unit.imports.exports import (
    BROKEN,
    ROWS,
    STEP,
    TRAINED,
    at,
    azure,
    azure_model,
    azure_results,
    lookout,
    values,
    write,
)


def table(piece: Piece) -> list[list[str]]:
    with gzip.open(piece.path, "rt", newline="") as file:
        return list(csv.reader(file))


def test_components_are_joined_on_time_and_cut_where_labels_begin_and_end(tmp_path: Path) -> None:
    dataset = read_lookout(lookout(tmp_path / "export"))
    assert dataset.machine == "press-7"
    assert dataset.sensors == [
        "motor.speed",
        "temperature_motor",
        "pump.speed",
        "temperature_pump",
    ]
    assert dataset.found == [Span(at(520), at(540))]
    found = cut(dataset, tmp_path)
    assert (found.training.rows, found.labelled_in_training) == (TRAINED - 20, 20)
    assert [(piece.rows, piece.event is not None) for piece in found.runs] == [
        (BROKEN.start - TRAINED, False),
        (len(BROKEN), True),
        (ROWS - BROKEN.stop, False),
    ]
    header, *rows = table(found.runs[1])
    assert header == ["timestamp", *dataset.sensors]
    # Every number is what it was, to the last bit.
    expected = values()[BROKEN.start]
    assert rows[0][0] == f"{at(BROKEN.start):%Y-%m-%dT%H:%M:%SZ}"
    assert [float(cell) for cell in rows[0][1:]] == [expected[2], expected[3], expected[0], expected[1]]


def test_variables_are_named_after_their_files(tmp_path: Path) -> None:
    dataset = read_azure(
        azure(tmp_path / "export"),
        tmp_path,
        model=azure_model(tmp_path / "model.json"),
        results=azure_results(tmp_path / "results.json"),
    )
    assert dataset.sensors == ["current", "flow", "level", "pressure"]
    assert dataset.training == Span(at(0), at(TRAINED))
    assert dataset.found == [Span(at(505), at(530))]
    found = cut(dataset, tmp_path)
    (run,) = found.runs
    assert (found.training.rows, run.rows) == (TRAINED, ROWS - TRAINED)
    assert [float(cell) for cell in table(run)[1][1:]] == [values()[TRAINED][place] for place in (3, 0, 2, 1)]


def test_a_zip_is_read_as_its_folder(tmp_path: Path) -> None:
    folder = azure(tmp_path / "export")
    packed = tmp_path / "press.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"inner/{path.name}")
        archive.writestr("__MACOSX/inner/._flow.csv", b"\0")
    (tmp_path / "scratch").mkdir()
    dataset = read_azure(packed, tmp_path / "scratch")
    assert (dataset.machine, dataset.sensors) == ("press", ["current", "flow", "level", "pressure"])


def test_one_table_is_read_as_it_is(tmp_path: Path) -> None:
    rows = [f"{at(row):%Y-%m-%dT%H:%M:%SZ},{row},{row % 7}" for row in range(20)]
    write(tmp_path / "export" / "all.csv", "timestamp,a,b", rows)
    dataset = read_azure(tmp_path / "export", tmp_path)
    assert dataset.sensors == ["a", "b"]
    found = cut(replace(dataset, training=Span(at(0), at(10)), evaluation=Span(at(12), at(15))), tmp_path)
    assert (found.training.rows, [piece.rows for piece in found.runs], found.outside) == (10, [3], 7)


def lookout_dataset(folder: Path, **changes: object) -> Dataset:
    return replace(read_lookout(lookout(folder)), **changes)  # type: ignore[arg-type]  # by name


def test_what_cannot_be_imported_is_said_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="is not a folder"):
        read_lookout(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImportRefused, match="no CSV files in folders of components"):
        read_lookout(tmp_path / "empty")
    with pytest.raises(ImportRefused, match="no CSV file"):
        read_azure(tmp_path / "empty", tmp_path)
    with pytest.raises(ImportRefused, match="--train"):
        cut(lookout_dataset(tmp_path / "one", training=None), tmp_path)
    far = Span(at(0) - 900 * STEP, at(0))
    with pytest.raises(ImportRefused, match="No sample lies in the training range"):
        cut(lookout_dataset(tmp_path / "two", training=far), tmp_path)
    write(tmp_path / "mixed" / "a.csv", "timestamp,value", ["2024-03-20T00:00:00Z,1"])
    write(tmp_path / "mixed" / "b.csv", "time,reading", ["2024-03-20T00:00:00Z,1"])
    with pytest.raises(ImportRefused, match=r"b\.csv must have the columns timestamp and value"):
        read_azure(tmp_path / "mixed", tmp_path)


def test_days_and_months_that_cannot_be_told_apart_are_asked_about(tmp_path: Path) -> None:
    rows = [f"{row + 1}/1/2024 00:00,{row}" for row in range(12)]
    write(tmp_path / "export" / "all.csv", "timestamp,a", rows)
    dataset = replace(read_azure(tmp_path / "export", tmp_path), training=Span(at(-9000), at(9000)))
    with pytest.raises(ImportRefused, match="--time-format"):
        cut(dataset, tmp_path)
    assert cut(dataset, tmp_path, time_format="%m/%d/%Y %H:%M").training.rows > 0


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "press.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "timestamp,value\n" * 1000)
    content = bytearray(packed.read_bytes())
    content[len("PK") + 45 : len("PK") + 60] = b"\xff" * 15
    packed.write_bytes(content)
    with pytest.raises(ImportRefused, match="cannot be unpacked"):
        read_azure(packed, tmp_path / "scratch")
