"""The samples of an analysis as a browser gets them, and what is told of one of them."""

import math
import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from services.web.machines.columns import packed, severity_bands, time_column
from services.web.machines.picture import Columns, picture
from services.web.machines.samples import numbered, outcome_at, similar, spectrum
from services.web.machines.wear import trend_figure
from services.web.machines.window import chosen_run, window

UPLOADED = datetime(2026, 3, 1, tzinfo=UTC)
BANDS = (1.5, 2.0, 3.0)


def points(*samples: dict[str, Any]) -> dict[str, Any]:
    blank = {"x": 0.0, "y": 0.0, "distance": 1.0, "misfit": 0.0, "anomaly": False, "metadata": {}}
    rows = [blank | sample for sample in samples]
    return {"index": list(range(len(rows))), **{name: [row[name] for row in rows] for name in blank}}


def read(content: bytes) -> dict[str, tuple[float, ...]]:
    """As `machine/columns.js` reads it."""
    count, _ = struct.unpack_from("<II", content)
    at, found = 8, {}
    for name, kind, size in (
        ("time", "d", 8),
        ("x", "f", 4),
        ("y", "f", 4),
        ("ratio", "f", 4),
        ("mark", "B", 1),
    ):
        found[name] = struct.unpack_from(f"<{count}{kind}", content, at)
        at += size * count
    assert at == len(content)
    return found


def test_columns_hold_places_times_ratios_and_severities() -> None:
    samples = points(
        {"x": 1.5, "y": -2.0, "distance": 2.0, "metadata": {"when": "2026-02-01T10:00:00"}},
        {"distance": 6.0, "anomaly": True, "metadata": {"when": "2026-02-01T12:00:00+01:00"}},
        {"distance": 40.0, "anomaly": True, "metadata": {"when": "no time"}},
    )
    found = read(packed(samples, threshold=4.0, bands=BANDS, time_column="when", uploaded_at=UPLOADED))
    assert (found["x"][0], found["y"][0]) == (1.5, -2.0)
    assert found["ratio"] == (0.5, 1.5, 10.0)
    # A ratio at a band belongs to it, as in the engine.
    assert found["mark"] == (0, 2, 4)
    ten = datetime(2026, 2, 1, 10, tzinfo=UTC).timestamp()
    assert found["time"][0] == ten
    assert found["time"][1] == ten + 3600
    assert found["time"][2] == pytest.approx(UPLOADED.timestamp() + 2e-6, abs=1e-6)


def test_what_was_not_judged_is_nowhere() -> None:
    samples = points({"x": None, "y": None, "distance": None})
    found = read(packed(samples, threshold=1.0, bands=BANDS, time_column=None, uploaded_at=UPLOADED))
    assert all(math.isnan(found[name][0]) for name in ("x", "y", "ratio"))
    assert found["mark"] == (0,)


def test_results_say_the_time_column_and_the_bands() -> None:
    results = {
        "reading": {"time": {"columns": ["t"], "format": "iso"}},
        "settings": {"severity_bands": [1.2, 1.4, 1.6]},
    }
    assert time_column(results) == "t"
    assert time_column({"reading": {"time": {"columns": ["t"], "format": None}}}) is None
    assert severity_bands(results) == [1.2, 1.4, 1.6]
    assert severity_bands(None) == BANDS


def test_many_numbered_features_are_a_spectrum() -> None:
    names = [f"f_{number}" for number in range(40)]
    assert numbered(names) == list(range(40))
    assert numbered(names[:10]) is None
    assert numbered([*names, "speed"]) is None
    assert numbered(names[::-1]) is None
    sensors = [{"name": "f_0", "mean": 1.0, "deviation": 0.25}]
    found = spectrum(names, [2.0] * 40, sensors)
    assert found is not None
    assert (found["low"][0], found["expected"][0], found["high"][0]) == (0.5, 1.0, 1.5)
    assert found["expected"][1] is None


def anomaly(run: str, time: str, **deviations: float) -> dict[str, Any]:
    features = [{"name": name, "share": abs(by), "deviation": by} for name, by in deviations.items()]
    return {"analysis_id": run, "timestamp": time, "features": {"features": features}}


def test_similar_anomalies_deviate_in_the_same_direction() -> None:
    now = anomaly("now", "2026-03-02T00:00:00+00:00", f_100=0.8, speed=0.2)
    near = anomaly("near", "2026-02-02T00:00:00+00:00", f_101=0.9)
    opposite = anomaly("opposite", "2026-02-03T00:00:00+00:00", f_100=-0.8)
    other = anomaly("other", "2026-02-04T00:00:00+00:00", pressure=0.9)
    own_run = anomaly("now", "2026-03-01T00:00:00+00:00", f_100=0.8)
    later = anomaly("later", "2026-03-03T00:00:00+00:00", f_100=0.8)
    alerts = [
        {
            "first_seen_at": "2026-02-01T00:00:00+00:00",
            "last_seen_at": "2026-02-02T12:00:00+00:00",
            "outcome": "true_alarm",
        }
    ]
    [found] = similar(now, [near, opposite, other, own_run, later], alerts)
    assert (found.anomaly["analysis_id"], found.outcome) == ("near", "true_alarm")
    assert outcome_at("2026-02-05T00:00:00+00:00", alerts) is None


RUNS = [
    {"analysis_id": "new", "first_at": "2026-03-05T00:00:00+00:00", "last_at": "2026-03-06T00:00:00+00:00"},
    {"analysis_id": "old", "first_at": "2026-02-05T00:00:00+00:00", "last_at": "2026-02-06T00:00:00+00:00"},
]


def test_an_address_with_a_time_shows_the_run_of_that_time() -> None:
    marked = {"from": "2026-02-05T10:00:00Z", "to": "2026-02-05T11:00:00Z"}
    assert chosen_run(marked, RUNS) == "old"
    assert chosen_run({}, RUNS) == "new"
    assert chosen_run({"run": "x", **marked}, RUNS) == "x"
    shown = window(marked, None)
    assert shown.since == "2026-02-05T09:30:00+00:00"
    assert shown.until == "2026-02-05T11:30:00+00:00"


def test_an_address_with_a_moment_shows_what_was_around_it() -> None:
    moment = "2026-02-05T10:00:00Z"
    shown = window({"from": moment, "to": moment}, None)
    assert (shown.since, shown.until) == ("2026-02-05T09:30:00+00:00", "2026-02-05T10:30:00+00:00")


@pytest.mark.parametrize("broken", ["", "yesterday", "2026-02-05T10:00:00", "9" * 40])
def test_an_address_that_is_broken_shows_the_usual_time(broken: str) -> None:
    assert window({"from": broken, "to": broken, "period": broken}, None).period == "30d"


def test_the_picture_draws_anomalies_over_normal_samples() -> None:
    normal: Columns = {"x": [0.0, 1.0, None], "y": [0.0, 1.0, None]}
    run: Columns = {"x": [0.5, 0.6], "y": [0.5, 0.6], "mark": [4, 0]}
    drawn = picture(normal, run, selected=0)
    assert drawn.index("#cbd5df") < drawn.index("#5b6570") < drawn.index("#46075a") < drawn.index("#1257c9")
    assert picture(None, None) == ""
    assert "nan" not in drawn.lower()


def test_wear_is_drawn_over_numbers_or_over_its_order() -> None:
    trend = {"intercept": 1.0, "slope": 0.5, "slope_low": 0.4, "slope_high": 0.6}
    wear = {"labels": [10.0, 20.0], "wear": [6.0, 11.0], "trend": trend}
    limits = {"deteriorating_wear": 3.0, "failing_wear": 6.0}
    assert trend_figure(wear | limits, "hours", str)["x"] == [10.0, 20.0]
    by_text = trend_figure(wear | limits | {"labels": ["a", "b"]}, None, str)
    assert by_text["x"] == [0.0, 1.0]
    many = wear | limits | {"labels": list(range(5000)), "wear": [0.0] * 5000}
    assert len(trend_figure(many, None, str)["x"]) <= 1000
