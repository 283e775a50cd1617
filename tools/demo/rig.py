"""A simulated rotating machine: vibration spectra of a gear stage in several load regimes.

Frequencies are in Hz, speeds in revolutions per minute, amplitudes in arbitrary units on a linear scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 1024
MAX_HZ = 2048.0
BIN_HZ = MAX_HZ / BINS
# A spectral line of a windowed transform is a few bins wide (standard deviation in bins).
LINE_WIDTH_BINS = 1.1

SHAFT_HARMONICS = (1.0, 0.45, 0.22, 0.12)
GEAR_TEETH = 23
GEAR_HARMONICS = (0.8, 0.35)
SIDEBAND_SHARE = 0.28
# So often per revolution a rolling element passes a damaged spot of the outer ring (a deep-groove bearing).
BPFO_PER_REVOLUTION = 3.58
FAULT_HARMONICS = (0.42, 0.33, 0.22, 0.14, 0.08)
FAULT_SIDEBAND_SHARE = 0.35
# A resonance of the housing lifts the noise around it.
RESONANCE_HZ, RESONANCE_WIDTH_HZ, RESONANCE_GAIN = 1310.0, 90.0, 0.10
NOISE_FLOOR = 0.03
# A line's amplitude varies by some per cent from sample to sample; a noise bin, averaged, by more.
LINE_SPREAD, NOISE_SPREAD = 0.06, 0.16
LOAD_SPREAD = 0.09
# A drive with a speed controller holds its speed within parts of a thousand.
SPEED_SPREAD = 0.0006
START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Regime:
    """An operating regime of the machine; `load` is relative to the rated load."""

    name: str
    speed_rpm: float
    load: float
    share: float


REGIMES = (
    Regime("idle", 900.0, 0.15, 0.20),
    Regime("partial", 1500.0, 0.50, 0.30),
    Regime("full", 1500.0, 0.90, 0.35),
    Regime("boost", 1800.0, 1.05, 0.15),
)


@dataclass(frozen=True)
class Recording:
    """Samples in order; all arrays have one entry (or row) per sample. `fault` runs from 0 (none) to 1."""

    times: tuple[datetime, ...]
    speed_rpm: Floats
    load: Floats
    temperature_c: Floats
    regime: NDArray[np.int64]
    fault: Floats
    spectra: Floats

    def __len__(self) -> int:
        return len(self.times)


def record_normal(samples: int, rng: np.random.Generator) -> Recording:
    """Record the healthy machine for `samples` minutes."""
    return _record(np.zeros(samples), START, rng)


def record_failing(samples: int, rng: np.random.Generator, *, healthy_share: float = 0.45) -> Recording:
    """Record the machine weeks later: healthy at first, then with a bearing fault that grows to full size."""
    onset = int(samples * healthy_share)
    growth = np.clip((np.arange(samples) - onset) / max(1, samples - 1 - onset), 0.0, 1.0)
    return _record(growth**1.5, START + timedelta(days=28), rng)


def fault_bins(speed_rpm: float, *, reach: int = 4) -> NDArray[np.bool_]:
    """Return the bins of the fault's lines and their sidebands at a speed, `reach` bins to each side."""
    shaft = speed_rpm / 60.0
    lines = [
        order * BPFO_PER_REVOLUTION * shaft + side * shaft
        for order in range(1, len(FAULT_HARMONICS) + 1)
        for side in (-1, 0, 1)
    ]
    apart = np.abs(np.arange(BINS)[:, None] + 0.5 - np.asarray(lines)[None, :] / BIN_HZ)
    near: NDArray[np.bool_] = np.min(apart, axis=1) <= reach
    return near


def line_at(feature: str, speed_rpm: float, *, reach: float = 2.5) -> str:
    """Describe the spectral line at a feature (`f_<bin>`); only its frequency if no line is near."""
    number = int(feature.removeprefix("f_"))
    shaft = speed_rpm / 60.0
    known = {f"{order} x shaft": order * shaft for order in range(1, len(SHAFT_HARMONICS) + 1)}
    for order in range(1, len(GEAR_HARMONICS) + 1):
        for side, name in ((-1, " - shaft"), (0, ""), (1, " + shaft")):
            known[f"{order} x gear mesh{name}"] = (order * GEAR_TEETH + side) * shaft
    for order in range(1, len(FAULT_HARMONICS) + 1):
        for side, name in ((-1, " - shaft"), (0, ""), (1, " + shaft")):
            known[f"{order} x outer ring{name}"] = (order * BPFO_PER_REVOLUTION + side) * shaft
    frequency = (number + 0.5) * BIN_HZ
    nearest = min(known, key=lambda name: abs(known[name] - frequency))
    if abs(known[nearest] - frequency) > reach * BIN_HZ:
        return f"{frequency:.0f} Hz"
    return f"{frequency:.0f} Hz, {nearest}"


def _record(fault: Floats, start: datetime, rng: np.random.Generator) -> Recording:
    samples = len(fault)
    regime = rng.choice(len(REGIMES), size=samples, p=[each.share for each in REGIMES])
    load = np.array([each.load for each in REGIMES])[regime] * (
        1 + LOAD_SPREAD * rng.standard_normal(samples)
    )
    nominal = np.array([each.speed_rpm for each in REGIMES])[regime]
    speed = nominal * (1 + SPEED_SPREAD * rng.standard_normal(samples))
    temperature = 34 + 22 * load + 6 * fault + 0.8 * rng.standard_normal(samples)
    return Recording(
        times=tuple(start + timedelta(minutes=minute) for minute in range(samples)),
        speed_rpm=speed,
        load=load,
        temperature_c=temperature,
        regime=regime,
        fault=fault,
        spectra=_spectra(speed / 60.0, load, fault, rng),
    )


def _spectra(shaft_hz: Floats, load: Floats, fault: Floats, rng: np.random.Generator) -> Floats:
    """Return spectra of shape (samples, BINS)."""
    frequencies = (np.arange(BINS) + 0.5) * BIN_HZ
    resonance = RESONANCE_GAIN * np.exp(-(((frequencies - RESONANCE_HZ) / RESONANCE_WIDTH_HZ) ** 2) / 2)
    floor = NOISE_FLOOR + resonance[None, :] * (0.4 + 0.6 * load[:, None])
    spectra: Floats = floor * (1 + NOISE_SPREAD * rng.standard_normal((len(shaft_hz), BINS)))
    for order, amplitude in enumerate(SHAFT_HARMONICS, start=1):
        _add_line(spectra, order * shaft_hz, amplitude * (0.6 + 0.4 * load), rng)
    for order, amplitude in enumerate(GEAR_HARMONICS, start=1):
        mesh = order * GEAR_TEETH * shaft_hz
        strength = amplitude * (0.2 + 0.8 * load)
        _add_line(spectra, mesh, strength, rng)
        for side in (-1, 1):
            _add_line(spectra, mesh + side * shaft_hz, SIDEBAND_SHARE * strength, rng)
    for order, amplitude in enumerate(FAULT_HARMONICS, start=1):
        passing = order * BPFO_PER_REVOLUTION * shaft_hz
        strength = amplitude * fault * (0.5 + 0.5 * load)
        _add_line(spectra, passing, strength, rng)
        for side in (-1, 1):
            _add_line(spectra, passing + side * shaft_hz, FAULT_SIDEBAND_SHARE * strength, rng)
    return np.maximum(spectra, 0.0)


def _add_line(spectra: Floats, line_hz: Floats, amplitude: Floats, rng: np.random.Generator) -> None:
    """Add one spectral line per sample. Only the bins near it change."""
    reach = 6
    centre = line_hz / BIN_HZ - 0.5
    bins = np.rint(centre).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)[None, :]
    shape = np.exp(-(((bins - centre[:, None]) / LINE_WIDTH_BINS) ** 2) / 2)
    strength = amplitude * (1 + LINE_SPREAD * rng.standard_normal(len(line_hz)))
    inside = (bins >= 0) & (bins < BINS)
    rows = np.broadcast_to(np.arange(len(line_hz))[:, None], bins.shape)
    spectra[rows[inside], bins[inside]] += (strength[:, None] * shape)[inside]
