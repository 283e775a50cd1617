"""What the demo shows."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from tools.demo.downstream import line_of
from tools.demo.picture import MapData, draw_map
from tools.demo.screen import Screen, chosen


def anomaly(number: int, severity: str, distance: float) -> dict[str, Any]:
    feature = {"name": "f_1", "expected": 1.0, "observed": 2.0, "deviation": 4.5, "share": 0.5}
    return {
        "id": str(number),
        "sample_index": number,
        "severity": severity,
        "distance": distance,
        "threshold": 2.0,
        "features": {"features": [feature]},
        "metadata": {},
    }


def test_representative_anomalies_are_chosen() -> None:
    grown = [anomaly(n, "low" if n < 10 else "high", float(n)) for n in range(1, 31)]
    numbers = [each["sample_index"] for each in chosen(list(reversed(grown)))]
    assert numbers == sorted(numbers)
    assert {1, 10, 30} <= set(numbers)
    assert len(numbers) == 8


def test_the_table_shows_each_features_contribution() -> None:
    out = StringIO()
    screen = Screen(Console(file=out, width=140))
    screen.anomalies([anomaly(7, "high", 5.0)], lambda name, _anomaly: f"{name}: the line")
    for text in ("7", "high", "2.50", "f_1: the line", "+4.5 sd", "50%"):
        assert text in out.getvalue()


def test_a_feature_takes_one_line_of_a_narrow_terminal() -> None:
    out = StringIO()
    name = "vibration of the drive end bearing, horizontal, 118.7 Hz (outer race, second harmonic)"
    Screen(Console(file=out, width=80)).anomalies([anomaly(7, "critical", 5.0)], lambda *_: name)
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1].startswith("  vibration of the drive end bearing")
    assert lines[-1].rstrip().endswith("50%")


def test_markup_in_a_name_is_only_text() -> None:
    out = StringIO()
    Screen(Console(file=out, width=140)).anomalies([anomaly(7, "low", 5.0)], lambda *_: "[red]x[/red]")
    assert "[red]x[/red]" in out.getvalue()


def test_a_downstream_system_notes_its_own_machines_only() -> None:
    headers = [("ce_id", b"1"), ("ce_type", b"anomaly.detected"), ("ce_time", b"2026-01-01T00:00:00Z")]
    strongest = {"name": "f_3", "deviation": -2.5}
    value = json.dumps(
        {
            "machine_id": "m",
            "sample_index": 5,
            "severity": "low",
            "distance_ratio": 1.234,
            "features": [strongest],
        }
    ).encode()
    line = line_of(headers, value, "m")
    assert line is not None
    assert "sample=5 severity=low ratio=1.23 strongest=f_3 (-2.5 sd)" in line
    assert line_of(headers, value, "other") is None


def points(count: int, shift: float, *, distances: list[float | None]) -> dict[str, list[Any]]:
    rng = np.random.default_rng(3)
    x, y = rng.normal(shift, 1, count).tolist(), rng.normal(0, 1, count).tolist()
    return {"index": list(range(count)), "x": x, "y": y, "distance": distances}


@pytest.mark.parametrize("worst", [4.0, 400.0])
@pytest.mark.parametrize("severity", [{}, {29: "critical"}])
def test_the_map_is_drawn(tmp_path: Path, worst: float, severity: dict[int, str]) -> None:
    distances: list[float | None] = [*([1.0] * 28), None, worst]
    data = MapData(
        title="Pump 7",
        baseline=points(50, 0, distances=[None] * 50),
        monitoring=points(30, 5, distances=distances),
        severity=severity,
        threshold=2.0,
    )
    path = tmp_path / "map.png"
    draw_map(data, path)
    picture = imread(path)
    assert picture.shape[:2] == (1440, 1856)
    coloured = np.ptp(picture[..., :3], axis=2) > 0.2
    assert coloured.sum() > 1_000
