"""Long tables as historians export them: delimiters, and values whose quality is bad."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from services.analysis.engine import EngineConfig, ReadingConfig, open_samples

TAGS = {"Area 1/PI-7": (3.25, 2.5, 4.75, 1.5), "SI-2": (1200.5, 1210.0, 1190.25, 1205.75)}
NAN = np.nan


def export(
    quality: dict[tuple[str, int], str], good: str, *, delimiter: str = ";", decimal: str = ",", name: str
) -> bytes:
    lines = [delimiter.join(("TagName", "TimeStamp", "Value", name))]
    for at in range(4):
        for tag, values in TAGS.items():
            value = f"{values[at]:.2f}".replace(".", decimal)
            lines.append(
                delimiter.join((tag, f"28.03.2024 0{at}:00:00", value, quality.get((tag, at), good)))
            )
    return ("\n".join(lines) + "\n").encode()


def read(content: bytes) -> tuple[np.ndarray[Any, np.dtype[np.float64]], dict[str, Any]]:
    samples = open_samples(
        [(io.BytesIO(content), "x.csv")], config=EngineConfig(), reading=ReadingConfig(), training=True
    )
    values = np.concatenate([chunk.features for chunk in samples])
    assert samples.features == tuple(TAGS)
    return values, samples.quality()


@pytest.mark.parametrize(("delimiter", "decimal"), [(";", ","), ("\t", ","), ("|", "."), (",", ".")])
def test_the_delimiter_is_found_beside_decimal_commas_and_times(delimiter: str, decimal: str) -> None:
    """`PI-7;28.03.2024 00:00:00;3` is no time."""
    values, _ = read(export({}, "Good", delimiter=delimiter, decimal=decimal, name="Quality"))
    np.testing.assert_array_equal(values, np.array(list(TAGS.values())).T)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("Quality", "Good", "Bad"),
        ("Qualität", "good, local override", "I/O Timeout"),
        ("OpcQuality", "192", "24"),
        ("status_code", "216", "64"),
    ],
)
def test_a_value_of_bad_quality_is_none(name: str, good: str, bad: str) -> None:
    values, quality = read(export({("SI-2", 2): bad}, good, name=name))
    expected = np.array(list(TAGS.values())).T
    expected[2, 1] = NAN
    np.testing.assert_array_equal(values, expected)
    assert [sensor["missing"] for sensor in quality["sensors"]] == [0, 1]


@pytest.mark.parametrize(("name", "good", "other"), [("Status", "0", "1"), ("Quality", "A", "B")])
def test_what_a_quality_means_is_not_guessed(name: str, good: str, other: str) -> None:
    values, _ = read(export({("SI-2", 2): other}, good, name=name))
    np.testing.assert_array_equal(values, np.array(list(TAGS.values())).T)
