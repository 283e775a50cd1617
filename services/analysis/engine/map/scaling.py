"""From raw features to the space in which distances are measured; which features carry information."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config import EngineConfig
from ..errors import EngineError

Floats = NDArray[np.float64]

STD_RATIO = 10.0
"""`auto` scales features whose standard deviations differ by more than this factor (algorithm, section 1)."""

MIN_SPECTRUM_BINS = 32
"""A shorter run of numbered columns is more likely a list of sensors than a spectrum."""

LARGEST_VALUE = 1e300
"""Above it differences leave float64; no measurement is that large, so it is refused by name."""

LEAST_RANGE = 1e-302
"""A feature that moves less than this is constant: its standard deviation may have lost digits, or have no
inverse."""

FARTHEST_SCORE = 1e60
"""Deviations are cut here, so that the square of the wildest monitoring value is still a number."""

ROUNDING = 8 * np.finfo(np.float64).eps
"""A feature whose range is below this share of its size is constant up to rounding."""

LARGEST_DECADES = 300
"""Powers of ten that float64 holds with room to spare."""

CHUNK_VALUES = 4_000_000
"""Values handled at once (32 MB), so that memory stays bounded beside the caller's array."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Centre, spread and the factors of the map's feature space; arrays have shape (d,).

    `kind` is `none` or `standard`, `reason` says why. `std` is 1 where a feature is constant; `dropped` marks
    those. `factor` turns a deviation from `mean` into the map's space (0 for dropped features); distances
    there times `unit` are distances in the features' own units when `kind` is `none`.
    """

    kind: str
    reason: str
    mean: Floats
    std: Floats
    factor: Floats
    dropped: NDArray[np.bool_]
    unit: float

    def apply(self, x: Floats) -> Floats:
        """Rows x (m, d) in the map's space (m, d), centred on the baseline's mean."""
        z: Floats = x - self.mean
        with np.errstate(over="ignore"):  # what overflows is cut in the next line
            z *= self.factor
        return np.clip(z, -FARTHEST_SCORE, FARTHEST_SCORE, out=z)

    def standardise(self, x: Floats) -> Floats:
        """Rows x (m, d) as baseline z-scores (m, d); 0 for dropped features."""
        z: Floats = x - self.mean
        with np.errstate(over="ignore"):  # as above
            z /= self.std
        z[:, self.dropped] = 0.0
        return np.clip(z, -FARTHEST_SCORE, FARTHEST_SCORE, out=z)


def row_chunks(n: int, d: int) -> Iterator[slice]:
    """Slices that cover n rows of d values with at most CHUNK_VALUES values each."""
    step = max(1, CHUNK_VALUES // max(1, d))
    return (slice(start, min(n, start + step)) for start in range(0, n, step))


def as_samples(x: object, names: Sequence[str], first_row: int = 0) -> Floats:
    """Return x as a C-ordered float64 array (m, d), or raise EngineError naming sample and feature."""
    samples = np.ascontiguousarray(x, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != len(names):
        raise EngineError(
            f"the samples have the shape {samples.shape}, expected one row per sample and "
            f"{len(names)} features"
        )
    for rows in row_chunks(*samples.shape):
        good = np.abs(samples[rows]) <= LARGEST_VALUE  # False for NaN too
        if not good.all():
            row, column = (int(i) for i in np.argwhere(~good)[0])
            value = samples[rows][row, column]
            raise EngineError(
                f"sample {first_row + rows.start + row + 1} has {value!r}: a finite number below "
                f"{LARGEST_VALUE:g} is needed",
                column=names[column],
            )
    return samples


def learn_scaling(x: Floats, config: EngineConfig, names: Sequence[str]) -> Scaling:
    """Learn mean, std and the map's scaling from baseline samples x (n, d).

    See docs/engine.md, "The map of normal", step 1.
    """
    n, d = x.shape
    low, high = x.min(axis=0), x.max(axis=0)
    spread = high - low
    dropped = spread <= np.maximum(LEAST_RANGE, ROUNDING * np.maximum(np.abs(low), np.abs(high)))
    # Relative to its own range a feature is between -0.5 and 0.5: no over- or underflow in any unit.
    middle = low + 0.5 * spread
    unit_range = np.where(dropped, 1.0, spread)
    total, squares = np.zeros(d), np.zeros(d)
    for rows in row_chunks(n, d):
        total += ((x[rows] - middle) / unit_range).sum(axis=0)
    relative_mean = total / n
    for rows in row_chunks(n, d):
        squares += (((x[rows] - middle) / unit_range - relative_mean) ** 2).sum(axis=0)
    mean = np.where(dropped, middle, middle + unit_range * relative_mean)
    std = np.where(dropped, 1.0, unit_range * np.sqrt(squares / max(1, n - 1)))
    kind, reason = _choose(std[~dropped], names, config.scaling, bool(dropped.any()), dropped)
    if kind == "standard":
        factor, unit = np.where(dropped, 0.0, 1.0 / std), 1.0
    else:
        # A power of two changes no digit, and keeps squares of very small or large units inside float64.
        unit = float(2.0 ** np.round(np.log2(spread[~dropped].max()))) if not dropped.all() else 1.0
        factor = np.where(dropped, 0.0, 1.0 / unit)
    return Scaling(kind, reason, mean, std, factor, dropped, unit)


def _choose(
    std: Floats, names: Sequence[str], wanted: str, some_dropped: bool, dropped: NDArray[np.bool_]
) -> tuple[str, str]:
    if wanted != "auto":
        return wanted, "set in the configuration"
    if std.size == 0:
        return "none", "every feature is constant"
    decades = float(np.log10(std.max()) - np.log10(std.min()))
    apart = f"{10.0**decades:.3g}" if decades < LARGEST_DECADES else f"1e{decades:.0f}"
    if decades <= np.log10(STD_RATIO):
        return "none", f"the features' standard deviations differ by a factor of {apart} only"
    kept = [name for name, drop in zip(names, dropped, strict=True) if not drop] if some_dropped else names
    if is_spectrum(kept, std):
        return "none", f"the {std.size} features are one spectrum, whose bins share a unit"
    return "standard", f"the features' standard deviations differ by a factor of {apart}"


def is_spectrum(names: Sequence[str], std: Floats) -> bool:
    """Whether the features are bins of one spectrum: one stem, rising numbers, and alike neighbours.

    Names alone would take `sensor_1 ... sensor_40` for a spectrum, so the spread of neighbouring bins must
    also be closer (median difference of log std) than that of bins far apart.
    """
    if len(names) < MIN_SPECTRUM_BINS:
        return False
    parts = [re.fullmatch(r"(.*?)(\d+(?:\.\d+)?)(\D*)", name.strip()) for name in names]
    matched = [part for part in parts if part is not None]
    if len(matched) != len(parts) or len({(part[1], part[3]) for part in matched}) != 1:
        return False
    numbers = np.array([float(part[2]) for part in matched])
    if not bool(np.all(np.diff(numbers) > 0)):
        return False
    level = np.log(std)
    near = np.median(np.abs(np.diff(level)))
    far = np.median(np.abs(level[len(level) // 2 :] - level[: len(level) - len(level) // 2]))
    # Flat noise spectra have no far contrast at all; then neighbours cannot be told apart either.
    return bool(near <= 0.5 * far or np.ptp(level) <= np.log(STD_RATIO))
