"""Scales raw features into the space in which distances are measured, and finds constant features."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .cleaning import resolution
from .config import EngineConfig
from .errors import EngineError
from .rows import NO_ROWS, Rows, Table, row_chunks

Floats = NDArray[np.float64]

STD_RATIO = 10.0
"""`auto` scales features whose standard deviations differ by more than this factor."""

MIN_SPECTRUM_BINS = 32
"""A shorter run of numbered columns is more likely a list of sensors than a spectrum."""

MAX_VALUE = 1e300
"""Differences of larger values overflow float64; no measurement is that large, so they are rejected."""

MIN_RANGE = 1e-302
"""A feature with a smaller range counts as constant: its standard deviation may have lost its digits, or have
no inverse."""

MAX_SCORE = 1e60
"""Deviations are capped here, so that the square of even the most extreme value is finite."""

ROUNDING = 8 * np.finfo(np.float64).eps
"""A feature whose range is below this share of its magnitude is constant up to rounding errors."""

MAX_DECADES = 300
"""Powers of ten that float64 can represent with a margin."""

SAME = 1e-6
"""A constant feature has moved when it differs by more than this share of its value."""


@dataclass(frozen=True)
class Scaling:
    """Mean, standard deviation and scale factors of the features; all arrays have the shape (d,).

    `kind` is `none` or `standard`; `reason` says why. `dropped` marks features that no distance uses:
    constant ones, and `absent` ones, which are ignored or of which too much is missing; their `std` is 1 if
    they are constant. `context` marks those that are not judged, but given which the others are; they are
    not on the map. `factor` converts a deviation from `mean` into the map's feature space (0 for what is not
    on it). If `kind` is `none`, distances there times `unit` are distances in the features' own unit. Missing
    cells remain NaN.
    """

    kind: str
    reason: str
    mean: Floats
    std: Floats
    factor: Floats
    dropped: NDArray[np.bool_]
    unit: float
    absent: NDArray[np.bool_]
    context: NDArray[np.bool_]

    def with_roles(self, context: NDArray[np.bool_], ignored: NDArray[np.bool_]) -> Scaling:
        """Return the scaling of the features (d,) with these roles; the other features are judged.

        A context feature that is constant tells nothing of the others, and is ignored.
        """
        ignored = ignored | (context & self.dropped)
        context, absent, dropped = context & ~ignored, self.absent | ignored, self.dropped | ignored
        factor = np.where(dropped | context, 0.0, self.factor)
        return replace(self, factor=factor, dropped=dropped, absent=absent, context=context)

    def apply(self, x: Floats) -> Floats:
        """Return rows x (m, d) in the map's feature space (m, d), centred on the baseline's mean."""
        z: Floats = x - self.mean
        with np.errstate(over="ignore"):  # the clipping below handles overflow
            z *= self.factor
        z[:, self.dropped | self.context] = 0.0
        return np.clip(z, -MAX_SCORE, MAX_SCORE, out=z)

    @cached_property
    def constant(self) -> NDArray[np.bool_]:
        """Marks the features (d,) that were constant in the baseline."""
        return self.dropped & ~self.absent

    @cached_property
    def importance(self) -> Floats:
        """The part (d,) of each feature in the squared distances on the map: its variance there."""
        part: Floats = np.where(self.dropped, 0.0, (self.std * self.factor) ** 2)
        return part

    def judged(self, x: Floats, max_missing: float) -> NDArray[np.bool_]:
        """Tell which rows x (m, d) have enough sensors to be judged: at most `max_missing` are missing.

        At least one of them must be informative, if any is.
        """
        gaps = np.isnan(x)
        if not gaps.any():
            return np.ones(x.shape[0], dtype=np.bool_)
        informative = ~self.dropped & ~self.context
        enough = gaps[:, ~self.absent].mean(axis=1) <= max_missing
        if informative.any():
            enough &= ~gaps[:, informative].all(axis=1)
        return np.asarray(enough, dtype=np.bool_)

    def observed(self, x: Floats, max_missing: float) -> Floats:
        """Return rows x (m, d) as baseline z-scores; those that cannot be judged are missing altogether."""
        z = self.standardise(x)
        lost = ~self.judged(x, max_missing)
        if lost.any():
            z[np.ix_(lost, ~self.dropped)] = np.nan
        return z

    @cached_property
    def resolution(self) -> Floats:
        """The last decimal place (d,) of each constant feature as a unit; 1 for the others."""
        units = np.ones(self.mean.size)
        units[self.constant] = resolution(self.mean[self.constant])
        return units

    def moved(self, x: Floats, step: Floats | None = None) -> Floats:
        """Return how far the constant features of rows x (m, d) moved, as ratios (m, constants) to a limit.

        Above 1 a feature that was constant in the baseline is not what it was. How far it is from normal
        cannot be known, so the ratio grows with the logarithm of the steps of its resolution: 1.3 at one
        step, 2 at ten, 3 at a hundred. A missing cell has not moved, nor has one within half a `step` (d,),
        if x is rounded to one.
        """
        constant = self.mean[self.constant]
        gap = np.abs(x[:, self.constant] - constant)
        if step is not None:
            gap = np.maximum(gap - 0.5 * step[self.constant], 0.0)
        steps = gap / self.resolution[self.constant]
        moved: Floats = np.where(
            gap > SAME * np.maximum(np.abs(constant), SAME), 1.0 + np.log10(1.0 + steps), 0.0
        )
        return moved

    def standardise(self, x: Floats) -> Floats:
        """Return rows x (m, d) as baseline z-scores (m, d), with 0 for dropped features."""
        z: Floats = x - self.mean
        with np.errstate(over="ignore"):  # as above
            z /= self.std
        z[:, self.dropped] = 0.0
        return np.clip(z, -MAX_SCORE, MAX_SCORE, out=z)


def as_samples(x: object, names: Sequence[str], first_row: int = 0) -> Floats:
    """Return x as a C-ordered float64 array (m, d), in which NaN is a missing cell.

    Raises EngineError naming the place of an infinite or too large value.
    """
    samples = np.ascontiguousarray(x, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != len(names):
        raise EngineError(
            f"the samples have the shape {samples.shape}, but one row per sample and {len(names)} features"
            " are required",
            code="wrong_shape",
        )
    for rows in row_chunks(*samples.shape):
        bad = np.abs(samples[rows]) > MAX_VALUE  # False for NaN
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            value = samples[rows][row, column]
            raise EngineError(
                f"sample {first_row + rows.start + row + 1} has the value {value!r}, but a finite number "
                f"below {MAX_VALUE:g} is required",
                column=names[column],
                code="too_large",
                params={"cell": f"{float(value):g}", "limit": MAX_VALUE},
            )
    return samples


def learn_scaling(
    x: Table,
    config: EngineConfig,
    names: Sequence[str],
    skipped: Rows = NO_ROWS,
    absent: NDArray[np.bool_] | None = None,
) -> Scaling:
    """Learn mean, std and the map's scaling from what is there of x (n, d), without the `skipped` rows.

    `absent` marks the features (d,) that are left out. See docs/engine.md, "The map of normal", step 1.
    """
    n, d = x.shape[0] - skipped.size, x.shape[1]
    low, high, lacking = np.full(d, np.inf), np.full(d, -np.inf), np.zeros(d)
    for part in _parts(x, skipped):
        np.fmin(low, np.fmin.reduce(part, axis=0), out=low)
        np.fmax(high, np.fmax.reduce(part, axis=0), out=high)
        lacking += np.isnan(part).sum(axis=0)
    absent = np.zeros(d, dtype=np.bool_) if absent is None else absent
    there = np.maximum(1.0, n - lacking)
    low, high = np.where(lacking < n, low, 0.0), np.where(lacking < n, high, 0.0)
    spread = high - low
    constant = spread <= np.maximum(MIN_RANGE, ROUNDING * np.maximum(np.abs(low), np.abs(high)))
    dropped = constant | absent
    # Relative to its own range, a feature lies between -0.5 and 0.5: no unit overflows or underflows.
    middle = low + 0.5 * spread
    unit_range = np.where(dropped, 1.0, spread)
    total, squares = np.zeros(d), np.zeros(d)
    for part in _parts(x, skipped):
        total += _sum((part - middle) / unit_range)
    relative_mean = total / there
    for part in _parts(x, skipped):
        squares += _sum(((part - middle) / unit_range - relative_mean) ** 2)
    mean = np.where(dropped, middle, middle + unit_range * relative_mean)
    std = np.where(dropped, 1.0, unit_range * np.sqrt(squares / np.maximum(1.0, there - 1.0)))
    kind, reason = _choose(std[~dropped], names, config.scaling, bool(dropped.any()), dropped)
    if kind == "standard":
        factor, unit = np.where(dropped, 0.0, 1.0 / std), 1.0
    else:
        # A power of two changes no digits, and keeps the squares of very small or large units within float64.
        unit = float(2.0 ** np.round(np.log2(spread[~dropped].max()))) if not dropped.all() else 1.0
        factor = np.where(dropped, 0.0, 1.0 / unit)
    return Scaling(kind, reason, mean, std, factor, dropped, unit, absent, np.zeros(d, dtype=bool))


def _sum(part: Floats) -> Floats:
    """The sums (d,) over what is there of a part (m, d). A copy is made only if something is missing."""
    total: Floats = part.sum(axis=0)
    return np.asarray(np.nansum(part, axis=0)) if np.isnan(total).any() else total


def _parts(x: Table, skipped: Rows) -> Iterator[Floats]:
    """Yield the rows of x (n, d) in order without the `skipped` ones, a chunk at a time; never empty."""
    for rows in row_chunks(*x.shape):
        inside = skipped[(skipped >= rows.start) & (skipped < rows.stop)]
        part = x[rows]
        if inside.size:
            part = np.delete(part, inside - rows.start, axis=0)
        if part.size:
            yield part


def _choose(
    std: Floats, names: Sequence[str], wanted: str, some_dropped: bool, dropped: NDArray[np.bool_]
) -> tuple[str, str]:
    if wanted != "auto":
        return wanted, "set in the configuration"
    if std.size == 0:
        return "none", "every feature is constant"
    decades = float(np.log10(std.max()) - np.log10(std.min()))
    apart = f"{10.0**decades:.3g}" if decades < MAX_DECADES else f"1e{decades:.0f}"
    if decades <= np.log10(STD_RATIO):
        return "none", f"the features' standard deviations differ only by a factor of {apart}"
    kept = [name for name, drop in zip(names, dropped, strict=True) if not drop] if some_dropped else names
    if is_spectrum(kept, std):
        return "none", f"the {std.size} features form a spectrum, whose bins share a unit"
    return "standard", f"the features' standard deviations differ by a factor of {apart}"


def is_spectrum(names: Sequence[str], std: Floats) -> bool:
    """Tell whether the features are bins of one spectrum: one stem, increasing numbers, similar neighbours.

    Going by names alone would mistake `sensor_1 ... sensor_40` for a spectrum, so the standard deviations of
    neighbouring bins must also be more alike (median difference of their logarithms) than those of bins far
    apart.
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
    # In a spectrum of flat noise, distant bins are as alike as neighbours.
    return bool(near <= 0.5 * far or np.ptp(level) <= np.log(STD_RATIO))
