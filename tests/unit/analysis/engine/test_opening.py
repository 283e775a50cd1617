"""Files become samples: by name, joined on time, without what is off, with labels, and with their quality."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from services.analysis.engine import EngineConfig, ReadingConfig, TableError, open_samples
from services.analysis.engine.samples import NOT_JUDGED, Samples

START = datetime(2024, 3, 4, 8, tzinfo=UTC)
NAMES = ("speed", "temp", "flow")
CONFIG = EngineConfig(end_meta="ts", start_dim="speed", end_dim="flow")


def stamp(step: int, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return (START + timedelta(seconds=60 * step)).strftime(form)


def values(rows: int = 40, seed: int = 1) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.round(np.random.default_rng(seed).normal(100, 10, (rows, len(NAMES))), 3)


def table(
    x: np.ndarray[Any, np.dtype[np.float64]],
    names: tuple[str, ...] = NAMES,
    form: str = "%Y-%m-%dT%H:%M:%SZ",
    first: int = 0,
) -> str:
    rows = [",".join(["ts", *names])]
    rows += [",".join([stamp(first + at, form), *map(str, row)]) for at, row in enumerate(x.tolist())]
    return "\n".join(rows) + "\n"


def opened(*files: str, config: EngineConfig = CONFIG, training: bool = True, **more: Any) -> Samples:
    reading = ReadingConfig.from_json(more.pop("reading", {}))
    streams = [(io.BytesIO(text.encode()), f"{at}.csv") for at, text in enumerate(files)]
    return open_samples(streams, config=config, reading=reading, training=training, chunk_rows=16, **more)


def taken(samples: Samples) -> tuple[np.ndarray[Any, np.dtype[np.float64]], list[dict[str, Any]]]:
    chunks = list(samples)
    features = np.concatenate([chunk.features for chunk in chunks])
    assert [chunk.first_row for chunk in chunks] == np.cumsum([0, *(len(c.metadata) for c in chunks)])[
        :-1
    ].tolist()
    return features, [dict(entry) for chunk in chunks for entry in chunk.metadata]


def test_columns_are_found_by_name_and_missing_ones_are_named() -> None:
    x = values()
    text = table(np.column_stack([x[:, 2], x[:, 0], x[:, 0] * 0 + 7]), ("flow", "speed", "extra"))
    samples = opened(text, features=NAMES, training=False)
    features, metadata = taken(samples)
    np.testing.assert_array_equal(features[:, [0, 2]], x[:, [0, 2]])
    assert np.isnan(features[:, 1]).all()
    assert metadata[0] == {"ts": stamp(0), "extra": 7}
    quality = samples.quality()
    assert quality["absent_features"] == ["temp"]
    assert [each["code"] for each in quality["problems"]] == ["sensor_absent"]


def test_a_file_with_none_of_the_features_is_refused() -> None:
    with pytest.raises(TableError, match="none of the baseline's features"):
        opened(table(values(), ("a", "b", "c")), features=NAMES, training=False)


def test_what_is_off_does_not_train_and_is_marked_in_a_run() -> None:
    x = values()
    x[5:9, 0] = 3.0
    reading = {"off_when": "speed < 10"}
    trained = opened(table(x), reading=reading)
    features, _ = taken(trained)
    np.testing.assert_array_equal(features, np.delete(x, range(5, 9), axis=0))
    rows = trained.quality()["rows"]
    # The header is row 1 of the file.
    assert (rows["read"], rows["off"], rows["off_rows"]) == (40, 4, [7, 8, 9, 10])

    features, metadata = taken(opened(table(x), reading=reading, training=False))
    np.testing.assert_array_equal(features, x)
    assert [at for at, entry in enumerate(metadata) if entry.get(NOT_JUDGED) == "off"] == [5, 6, 7, 8]


def test_off_when_must_name_columns() -> None:
    with pytest.raises(TableError, match='Did you mean "speed"'):
        opened(table(values()), reading={"off_when": "spead < 10"})


def test_labels_become_metadata_and_can_be_left_out() -> None:
    labels = [{"start": stamp(10), "end": stamp(20), "code": "bearing"}]
    samples = opened(table(values()), reading={"labels": labels})
    _, metadata = taken(samples)
    assert [at for at, entry in enumerate(metadata) if entry["label"] == "bearing"] == list(range(10, 20))
    assert samples.quality()["rows"]["labelled"] == 10
    features, _ = taken(
        opened(table(values()), reading={"labels": labels, "off_when": "label is not missing"})
    )
    np.testing.assert_array_equal(features, np.delete(values(), range(10, 20), axis=0))


def test_an_ambiguous_order_is_asked_about_and_read_as_in_the_baseline() -> None:
    form = "%d/%m/%Y %H:%M"
    asked = opened(table(values(), form=form))
    _, metadata = taken(asked)
    assert metadata[0]["ts"] == stamp(0, form)
    assert asked.time_column is None
    [problem] = asked.quality()["problems"]
    assert problem["code"] == "time_order_ambiguous"
    assert problem["params"]["formats"] == ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]

    settled = opened(table(values(), form=form), reading={"time_format": form})
    _, metadata = taken(settled)
    assert metadata[0]["ts"] == stamp(0)
    run = opened(
        table(values(1), form=form),
        features=NAMES,
        training=False,
        known_times=settled.quality()["resolved"],
    )
    _, metadata = taken(run)
    assert metadata[0]["ts"] == stamp(0)
    assert run.quality()["time"]["order"] == "baseline"


def test_the_order_is_looked_for_beyond_the_first_rows() -> None:
    """The first chunk has 16 rows within one day; the last row has a day that cannot be a month."""
    x = values(40)
    lines = table(x, form="%m/%d/%Y %H:%M").splitlines()
    lines[-1] = "03/25/2024 08:00,1,2,3"
    samples = opened("\n".join(lines) + "\n")
    _, metadata = taken(samples)
    assert (metadata[0]["ts"], metadata[-1]["ts"]) == (stamp(0), "2024-03-25T08:00:00Z")
    assert samples.quality()["rows"]["read"] == 40


@pytest.mark.parametrize(
    "reading", [{"time_column": "nowhere"}, {"time_column": "ts", "time_format": "%H:%M"}]
)
def test_times_that_are_not_as_configured_are_said_and_the_verdict_goes_on(reading: dict[str, str]) -> None:
    samples = opened(table(values()), reading=reading)
    features, _ = taken(samples)
    assert len(features) == 40
    assert samples.quality()["problems"][0]["code"] in ("time_column_absent", "times_not_as_configured")


def long(x: np.ndarray[Any, np.dtype[np.float64]], *, by_series: bool, sep: str = ";") -> str:
    rows = [(at, place) for at in range(len(x)) for place in range(len(NAMES))]
    if by_series:
        rows.sort(key=lambda pair: (pair[1], pair[0]))
    lines = [f"{stamp(at)}{sep}{NAMES[place]}{sep}{x[at, place]}" for at, place in rows]
    return "\n".join([f"time{sep}tag{sep}value", *lines]) + "\n"


@pytest.mark.parametrize("by_series", [False, True])
def test_a_long_table_is_pivoted(by_series: bool) -> None:
    x = values()
    samples = opened(long(x, by_series=by_series))
    features, metadata = taken(samples)
    assert samples.features == NAMES
    np.testing.assert_array_equal(features, x)
    assert [entry["time"] for entry in metadata] == [stamp(at) for at in range(40)]
    run = opened(long(x, by_series=by_series), features=("flow", "speed", "gone"), training=False)
    features, _ = taken(run)
    np.testing.assert_array_equal(features[:, :2], x[:, [2, 0]])
    assert run.quality()["absent_features"] == ["gone"]


def test_a_long_table_of_other_names_is_read_as_configured() -> None:
    x = values()
    text = long(x, by_series=True).replace("time;tag;value", "t;was;zahl")
    samples = opened(text, reading={"series_column": "was", "value_column": "zahl"})
    np.testing.assert_array_equal(taken(samples)[0], x)
    with pytest.raises(TableError, match="series_column 'nix'"):
        opened(text, reading={"series_column": "nix", "value_column": "zahl"})


def test_a_label_beside_one_sensor_is_no_long_table() -> None:
    lines = ["time,mode,value"]
    lines += [f"{stamp(at)},{'run' if at % 3 else 'idle'},{at * 0.37 % 1}" for at in range(40)]
    samples = opened(
        "\n".join(lines) + "\n", config=EngineConfig(end_meta="mode", start_dim="value", end_dim="value")
    )
    features, metadata = taken(samples)
    assert features.shape == (40, 1)
    assert metadata[0]["mode"] == "idle"


def test_files_with_different_sensors_are_joined_on_time() -> None:
    x = values()
    samples = opened(table(x[:, :2], NAMES[:2]), table(x[10:, 2:], NAMES[2:], first=10))
    features, metadata = taken(samples)
    assert samples.features == NAMES
    expected = x.copy()
    expected[:10, 2] = np.nan
    np.testing.assert_array_equal(features, expected)
    assert metadata[0] == {"ts": stamp(0)}
    inner, _ = taken(
        opened(table(x[:, :2], NAMES[:2]), table(x[10:, 2:], NAMES[2:], first=10), reading={"join": "inner"})
    )
    np.testing.assert_array_equal(inner, x[10:])


def test_files_that_never_meet_are_refused_and_the_advice_works() -> None:
    x = values()
    late = table(x[:, 2:], NAMES[2:]).replace(":00Z", ":07Z")
    with pytest.raises(TableError, match="never meet") as refused:
        opened(table(x[:, :2], NAMES[:2]), late)
    assert refused.value.proposal is not None
    features, _ = taken(opened(table(x[:, :2], NAMES[:2]), late, reading=refused.value.proposal))
    np.testing.assert_array_equal(features, x)


def test_times_that_differ_by_little_are_one_sample() -> None:
    x = values()
    late = table(x[:, 2:], NAMES[2:]).replace(":00Z", ":01Z")
    features, _ = taken(opened(table(x[:, :2], NAMES[:2]), late, reading={"round_times": "PT10S"}))
    np.testing.assert_array_equal(features, x)


@pytest.mark.parametrize("how", ["mean", "last", "max"])
def test_samples_are_brought_to_a_grid(how: str) -> None:
    x = values(60)
    samples = opened(table(x), reading={"resample": "PT5M", "resample_by": how})
    features, metadata = taken(samples)
    groups = x.reshape(12, 5, 3)
    expected = {"mean": groups.mean(axis=1), "last": groups[:, -1], "max": groups.max(axis=1)}[how]
    np.testing.assert_allclose(features, expected, rtol=1e-12)
    assert [entry["ts"] for entry in metadata] == [stamp(5 * at) for at in range(12)]


def test_joining_needs_times() -> None:
    x = values()
    two = "temp,flow\n" + "\n".join(f"{a},{b}" for a, b in x[:, 1:].tolist()) + "\n"
    with pytest.raises(TableError, match="no column of times") as refused:
        opened(table(x[:, :1], NAMES[:1]), two)
    assert refused.value.code == "join_without_times"


def test_files_of_one_header_in_another_order_follow_each_other() -> None:
    x = values()
    second = table(x[20:][:, [2, 0, 1]], ("flow", "speed", "temp"), first=20)
    features, _ = taken(opened(table(x[:20]), second))
    np.testing.assert_array_equal(features, x)


def test_columns_among_the_features_can_be_metadata() -> None:
    x = values()
    config = EngineConfig(end_meta="ts", start_dim="speed", end_dim="flow")
    samples = opened(table(x), config=config, reading={"metadata_columns": ["temp"]})
    features, metadata = taken(samples)
    np.testing.assert_array_equal(features, x[:, [0, 2]])
    assert metadata[0]["temp"] == x[0, 1]
