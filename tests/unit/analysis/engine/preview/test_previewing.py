"""A preview's proposal reads the file as it was meant, and each advice works."""

import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.analysis.configs.schemas import ConfigChange
from services.analysis.engine import EngineConfig, ReadingConfig, open_samples, preview_file
from services.analysis.previews.schemas import FilePreview

Floats = NDArray[np.float64]
DATA = Path(__file__).resolve().parents[5].parent / "shared" / "data"
START = datetime(2024, 3, 21, 8)
ROWS = 60
# Examples are small files already: making them smaller takes minutes and explains nothing more.
FAST = (Phase.explicit, Phase.reuse, Phase.generate)


@dataclass(frozen=True)
class Written:
    """A table as a plant exports it."""

    x: Floats
    delimiter: str = ","
    decimal: str = "."
    time_format: str | None = "%Y-%m-%d %H:%M:%S"
    words: tuple[str, ...] = ()
    label_at: int | None = None
    preamble: tuple[str, ...] = ()
    encoding: str = "utf-8"
    step: timedelta = timedelta(minutes=10)

    @property
    def names(self) -> list[str]:
        return [f"sensor {place} [mm/s]" for place in range(self.x.shape[1])]

    def text(self) -> str:
        names = list(self.names)
        rows = [[self._cell(value) for value in row] for row in self.x]
        for at, word in enumerate(self.words):
            rows[7 + at][at % len(names)] = word
        if self.label_at is not None:
            names.insert(self.label_at, "machine_status")
            for at, row in enumerate(rows):
                row.insert(self.label_at, "NORMAL" if at % 2 else "RECOVERING")
        if self.time_format is not None:
            names.insert(0, "")
            for at, row in enumerate(rows):
                row.insert(0, (START + at * self.step).strftime(self.time_format))
        lines = [*self.preamble, self.delimiter.join(names), *map(self.delimiter.join, rows)]
        return "\n".join(lines) + "\n"

    def _cell(self, value: float) -> str:
        return "" if np.isnan(value) else f"{value:.3f}".replace(".", self.decimal)

    def expected(self) -> Floats:
        x = self.x.copy()
        for at in range(len(self.words)):
            x[7 + at, at % x.shape[1]] = np.nan
        return x


def time_of(text: str) -> datetime:
    """The time of a sample's metadata, in UTC; Python reads ISO 8601 alone."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def values(seed: int, columns: int = 4) -> Floats:
    x = np.round(np.random.default_rng(seed).normal(50, 9, (ROWS, columns)), 3)
    x[x == 0] = 0.5
    return x


def previewed(content: bytes, reading: Mapping[str, Any] | None = None, name: str = "x.csv") -> FilePreview:
    found = preview_file(io.BytesIO(content), name, EngineConfig(), ReadingConfig.from_json(reading or {}))
    return FilePreview.model_validate(found)


def read(
    content: bytes, config: Mapping[str, Any], name: str = "x.csv"
) -> tuple[Floats, list[dict[str, Any]]]:
    """Read a file as an analysis does that gets `config` inline."""
    change = ConfigChange.model_validate(config).changes()
    samples = open_samples(
        [(io.BytesIO(content), name)],
        config=replace(EngineConfig(), **change.parameters).validate(),
        reading=ReadingConfig.from_json(change.reading),
        training=True,
    )
    chunks = list(samples)
    return (
        np.concatenate([chunk.features for chunk in chunks]),
        [dict(entry) for chunk in chunks for entry in chunk.metadata],
    )


tables = st.builds(
    Written,
    x=st.builds(values, st.integers(0, 1000), st.integers(2, 6)),
    delimiter=st.sampled_from([";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    time_format=st.sampled_from(
        [
            None,
            "%Y-%m-%d %H:%M:%S",
            "%d.%m.%Y %H:%M",
            "%m/%d/%Y %I:%M %p",
            "%d-%b-%y %H:%M:%S",
            "%Y.%m.%d.%H.%M.%S",
        ]
    ),
    words=st.lists(st.sampled_from(["Bad", "I/O Timeout", "n/a", "", "Plunk", "#N/A"]), max_size=4).map(
        tuple
    ),
    label_at=st.one_of(st.none(), st.integers(0, 2)),
    preamble=st.sampled_from([(), ("# Logger XY", "# Serial 123")]),
)


@given(tables)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=FAST)
def test_the_proposal_reads_the_table_as_it_was_meant(table: Written) -> None:
    content = table.text().encode()
    found = previewed(content)
    if found.proposed_config is None:
        # 56.068 may be a number of thousands: the question has both answers, and nothing is proposed without
        # one.
        options = [each.change for each in found.problems if each.code == "ambiguous_number_option"]
        assert options == [{"decimal": "."}, {"decimal": ","}]
        found = previewed(content, {"decimal": table.decimal})
    assert found.proposed_config is not None, found.problems
    features, metadata = read(content, found.proposed_config)
    np.testing.assert_array_equal(features, table.expected())
    if table.time_format is not None:
        assert time_of(metadata[5]["column_1"]) == START + 5 * table.step
    assert found.understood is not None
    assert [column.unit for column in found.columns if column.role == "feature"] == ["mm/s"] * table.x.shape[
        1
    ]


@given(tables, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=FAST)
def test_each_advice_that_is_followed_settles_its_problem(table: Written, random: Any) -> None:
    """Also in files that are damaged: cells are replaced by others."""
    lines = table.text().splitlines()
    for _ in range(3):
        at = random.randrange(len(table.preamble) + 1, len(lines))
        cells = lines[at].split(table.delimiter)
        cells[random.randrange(len(cells))] = random.choice(
            ["1.234,5", "1,5", "2.5", "ON", "Plonk", "-9999", "--", "1e400"]
        )
        lines[at] = table.delimiter.join(cells)
    content = "\n".join(lines).encode()
    found = previewed(content)
    for problem in found.problems:
        if problem.change is None:
            continue
        followed = previewed(content, {**reading_of(found.proposed_config), **reading_of(problem.change)})
        assert (problem.code, problem.row, problem.column) not in {
            (each.code, each.row, each.column) for each in followed.problems if each.change == problem.change
        }
    if found.proposed_config is not None:
        read(content, found.proposed_config)


def reading_of(config: Mapping[str, Any] | None) -> dict[str, Any]:
    known = {each for each in ReadingConfig.__dataclass_fields__}
    return {name: value for name, value in (config or {}).items() if name in known}


def test_a_question_has_answers_and_each_of_them_works() -> None:
    table = Written(values(3), time_format="%d/%m/%Y %H:%M", step=timedelta(seconds=7))
    ambiguous = table.text().replace("21/03/2024", "04/03/2024").encode()
    found = previewed(ambiguous)
    assert found.proposed_config is not None
    options = [problem.change for problem in found.problems if problem.code == "time_order_ambiguous_option"]
    assert options == [{"time_format": "%d/%m/%Y %H:%M"}, {"time_format": "%m/%d/%Y %H:%M"}]
    for option, month in zip(options, ("03-04", "04-03"), strict=True):
        assert option is not None
        _, metadata = read(ambiguous, {**found.proposed_config, **option})
        assert metadata[0]["column_1"].startswith(f"2024-{month}T08:00")
        assert previewed(ambiguous, option).problems == []


def test_a_long_table_is_understood() -> None:
    rows = [
        f"{START + timedelta(minutes=at)};{name};{at + place}"
        for at in range(50)
        for place, name in enumerate("abc")
    ]
    content = ("when;tag;value\n" + "\n".join(rows) + "\n").encode()
    found = previewed(content)
    assert found.understood is not None
    assert found.understood.layout == "long"
    assert found.proposed_config == {"series_column": "tag", "value_column": "value", "time_column": ["when"]}
    features, _ = read(content, found.proposed_config)
    np.testing.assert_array_equal(features, np.arange(50.0)[:, None] + np.arange(3.0))


def test_marks_of_missing_values_are_proposed_and_zero_is_asked_about() -> None:
    x = values(7)
    x[:, 1] = 50 + x[:, 1] / 100
    x = np.round(x, 3)
    x[3, 0], x[4, 1] = -9999, 0
    content = Written(x).text().encode()
    found = previewed(content)
    fills = {each.params["value"]: each.change for each in found.problems if each.code == "fill_value"}
    assert fills.keys() == {-9999, 0}
    assert found.proposed_config is not None
    assert found.proposed_config["missing_values"] == ["-9999"]
    features, _ = read(content, found.proposed_config)
    x[3, 0] = np.nan
    np.testing.assert_array_equal(features, x)
    assert fills[0] == {"missing_values": ["0"]}


def test_labels_counters_and_constants_are_told_apart() -> None:
    header = "unit,cycle,press,fault,mode,temp,flow,dead"
    rows = [f"1,{at},7,{at % 2},run,{20 + at % 7 / 10},{at * 37 % 11},5" for at in range(50)]
    found = previewed("\n".join([header, *rows]).encode())
    assert {column.name: column.role for column in found.columns} == {
        "unit": "metadata",
        "cycle": "metadata",
        "press": "metadata",
        "fault": "metadata",
        "mode": "metadata",
        "temp": "feature",
        "flow": "feature",
        "dead": "feature",
    }
    assert found.proposed_config is not None
    assert found.proposed_config["end_meta"] == "mode"
    assert found.columns[-1].constant


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "foreign_form"),
        (b"a,b\nx,y\nz,w\n", None),
        (b"PAR1" + bytes(50), None),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 5000, mtime=0)[:60], None),
    ],
)
def test_what_is_no_table_is_explained(content: bytes, code: str | None) -> None:
    found = previewed(content)
    assert found.proposed_config is None
    assert found.problems
    if code is not None:
        assert found.problems[-1].code == code


def test_the_beginning_of_a_file_is_enough() -> None:
    content = Written(values(5)).text().encode()
    whole, part = previewed(content), previewed(content[: len(content) // 2])
    assert part.proposed_config == whole.proposed_config
    assert [column.name for column in part.columns] == [column.name for column in whole.columns]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not at hand (../shared/data)")
@pytest.mark.parametrize(
    ("name", "time", "features"),
    [
        ("raw-historian-status-words", "column_1", 108),
        ("raw-water-pump", "timestamp", 51),
        ("raw-wind-scada-windows-1252", "Date/Time", 4),
        ("raw-bearing-nameless-index", "column_1", 4),
    ],
)
def test_raw_files_are_read_with_their_proposal(name: str, time: str, features: int) -> None:
    content = (DATA / f"{name}.csv.gz").read_bytes()
    found = previewed(content, name=f"{name}.csv.gz")
    assert found.proposed_config is not None
    assert found.proposed_config["time_column"] == [time]
    x, metadata = read(content, found.proposed_config)
    assert x.shape[1] in (features, features - 1)
    assert all(time_of(entry[time]) for entry in metadata)


@pytest.mark.parametrize("odd", ["1.5-", "(1.5)", "<0.01", "7*", "12 V"])
def test_whether_a_number_with_something_beside_it_was_measured_is_asked(odd: str) -> None:
    """As "not measured", all negative values of a sensor would be missing, say."""
    rows = [f"2024-03-21 08:{at:02d}:00,{odd if at == 9 else at * 1.25},{at * at % 7}" for at in range(30)]
    content = ("time,flow,speed\n" + "\n".join(rows) + "\n").encode()
    found = previewed(content)
    assert found.proposed_config is None
    options = [problem.change for problem in found.problems if problem.code == "not_a_number_option"]
    assert options == [{"metadata_columns": ["flow"]}, {"missing_values": [odd]}]
    for option in options:
        after = previewed(content, option)
        assert after.proposed_config is not None
        values, _ = read(content, after.proposed_config)
        assert len(values) == 30
