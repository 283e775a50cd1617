"""Downsampled series: nothing is lost but detail, and a peak never."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.timeline.domain import (
    HOUR,
    MAX_RUN_BUCKETS,
    WIDTHS,
    Series,
    count_hours,
    downsample,
    microseconds,
    moment,
)

SEVERITIES = ("normal", "low", "critical")
# Times between the years 1 and 9999, and also close together.
TIMES = st.one_of(
    st.datetimes(timezones=st.just(UTC)).map(microseconds),
    st.integers(0, 50),
    st.integers(0, 10**7),
)
SAMPLES = st.lists(st.tuples(TIMES, st.floats(0, 1e6), st.booleans()), min_size=1, max_size=200)


def series(samples: list[tuple[int, float, bool]], max_buckets: int) -> Series:
    times, ratios, anomalous = zip(*samples, strict=True)
    return downsample(np.array(times), np.array(ratios), np.array(anomalous), max_buckets)


@given(samples=SAMPLES, max_buckets=st.integers(3, 50))
def test_buckets_keep_every_sample_and_every_peak(
    samples: list[tuple[int, float, bool]], max_buckets: int
) -> None:
    found = series(samples, max_buckets)
    times, ratios, anomalous = zip(*samples, strict=True)
    assert 1 <= found.at.size <= max_buckets
    assert found.samples.sum() == len(samples)
    assert found.anomalies.sum() == sum(anomalous)
    assert (found.low.min(), found.high.max()) == (min(ratios), max(ratios))
    assert (found.at[0], bool((np.diff(found.at) > 0).all())) == (min(times), True)
    assert (found.low <= found.mean).all()
    assert (found.mean <= found.high).all()
    ends = np.append(found.at[1:], max(times) + 1)
    for at, end, low, high, count in zip(found.at, ends, found.low, found.high, found.samples, strict=True):
        within = [ratio for time, ratio, _ in samples if at <= time < end]
        assert (min(within), max(within), len(within)) == (low, high, count)


@given(samples=SAMPLES)
def test_the_order_of_the_samples_does_not_matter(samples: list[tuple[int, float, bool]]) -> None:
    one, other = series(samples, 20), series(samples[::-1], 20)
    for name in ("at", "samples", "anomalies", "low", "high"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_few_samples_keep_their_times() -> None:
    samples = [(at * 7, float(at), False) for at in range(MAX_RUN_BUCKETS)]
    found = series(samples, MAX_RUN_BUCKETS)
    assert found.at.tolist() == [at * 7 for at in range(MAX_RUN_BUCKETS)]
    assert found.high.tolist() == [float(at) for at in range(MAX_RUN_BUCKETS)]


def test_widths_divide_the_hour_or_are_whole_hours() -> None:
    assert list(WIDTHS) == sorted(WIDTHS)
    assert all(HOUR % width == 0 or width % HOUR == 0 for width in WIDTHS)


@given(
    samples=st.lists(
        st.tuples(TIMES, st.floats(0, 1e6), st.sampled_from(SEVERITIES)), min_size=1, max_size=100
    )
)
def test_hours_count_every_sample_once(samples: list[tuple[int, float, str]]) -> None:
    times, ratios, severities = zip(*samples, strict=True)
    counts = count_hours(np.array(times), np.array(ratios), severities)
    keys = [(count.hour, count.severity) for count in counts]
    assert len(set(keys)) == len(keys)
    for count in counts:
        within = [
            ratio
            for time, ratio, severity in samples
            if severity == count.severity and count.hour <= time < count.hour + HOUR
        ]
        assert (len(within), min(within), max(within)) == (count.samples, count.low, count.high)
        assert np.isclose(sum(within), count.total)
    assert sum(count.samples for count in counts) == len(samples)


def test_times_are_exact_to_the_microsecond() -> None:
    time = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
    assert moment(microseconds(time)) == time
    assert microseconds(datetime(1969, 12, 31, tzinfo=UTC)) == -24 * HOUR
    assert moment(-1) == datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
