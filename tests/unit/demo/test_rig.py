"""The generated rig."""

import numpy as np
import pytest

from tools.demo.rig import (
    BIN_HZ,
    BINS,
    BPFO_PER_REVOLUTION,
    GEAR_TEETH,
    REGIMES,
    fault_bins,
    line_at,
    record_failing,
    record_normal,
)

SAMPLES = 200


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def bin_of(frequency: float) -> int:
    return int(frequency / BIN_HZ)


def test_one_seed_gives_one_rig() -> None:
    first, again = record_normal(SAMPLES, rng()), record_normal(SAMPLES, rng())
    other = record_normal(SAMPLES, np.random.default_rng(12))
    assert np.array_equal(first.spectra, again.spectra)
    assert not np.array_equal(first.spectra, other.spectra)


def test_spectra_are_amplitudes_of_every_regime() -> None:
    recording = record_normal(SAMPLES, rng())
    assert recording.spectra.shape == (SAMPLES, BINS)
    assert (recording.spectra >= 0).all()
    assert set(recording.regime) == set(range(len(REGIMES)))
    assert list(recording.times) == sorted(recording.times)


@pytest.mark.parametrize("number", range(len(REGIMES)))
def test_shaft_and_gear_peaks_follow_the_speed(number: int) -> None:
    recording = record_normal(SAMPLES, rng())
    mean = recording.spectra[recording.regime == number].mean(axis=0)
    shaft = REGIMES[number].speed_rpm / 60
    for line in (shaft, GEAR_TEETH * shaft):
        around = mean[bin_of(line) - 2 : bin_of(line) + 3].max()
        assert around > 3 * np.median(mean)


def test_the_fault_is_seen_in_its_own_bins_and_nowhere_else() -> None:
    """The same random numbers with and without the fault: the difference is the fault alone."""
    healthy, failing = record_normal(SAMPLES, rng()), record_failing(SAMPLES, rng())
    difference = np.abs(failing.spectra - healthy.spectra)
    assert np.array_equal(healthy.regime, failing.regime)
    last = SAMPLES - 1
    own = fault_bins(float(failing.speed_rpm[last]), reach=7)
    assert difference[last, own].max() > 0.1
    assert difference[last, ~own].max() == 0


def test_the_fault_grows_from_nothing() -> None:
    healthy, failing = record_normal(SAMPLES, rng()), record_failing(SAMPLES, rng())
    size = np.abs(failing.spectra - healthy.spectra).max(axis=1)
    assert size[: int(SAMPLES * 0.45)].max() == 0
    assert (np.diff(failing.fault) >= 0).all()
    assert failing.fault[-1] == 1
    assert size[-20:].mean() > 2 * size[120:140].mean()


def test_a_spectral_line_has_a_descriptive_name() -> None:
    speed = 1500.0
    outer_ring = bin_of(2 * BPFO_PER_REVOLUTION * speed / 60)
    assert line_at(f"f_{outer_ring}", speed).endswith("Hz, 2 x outer ring")
    assert line_at(f"f_{bin_of(GEAR_TEETH * 25)}", speed).endswith("Hz, 1 x gear mesh")
    assert line_at("f_900", speed) == "1801 Hz"
