"""Wear over an ordered column: its series, a robust trend, and when it crosses the failing level.

See docs/engine.md, "Deterioration and health".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from .forecast import Forecast, Scores, current, forecast, past_forecasts, reached
from .regimes import Labels, Regime, wear_of
from .trend import MIN_POINTS, Series, Slope, slope_of

Floats = NDArray[np.float64]
Order = Sequence[float] | Sequence[str] | NDArray[np.float64] | NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Trend:
    """Sen's slope (wear per unit of the ordered column) with its 95 % interval, and the test of the trend.

    `significant` means that the trend, upward or downward, is significant at 2 %. The wear crosses the
    failing level at `crossing`, between `crossing_earliest` and `crossing_latest` (None: unknown); if it has
    done so, all three are when. `text` describes the trend, `code` and `params` say the same for programs.
    """

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    tau: float
    p_value: float
    significant: bool
    crossing: float | None
    crossing_earliest: float | None
    crossing_latest: float | None
    text: str
    code: str
    params: dict[str, float]


@dataclass(frozen=True, slots=True)
class RegimeWear:
    """A regime of the baseline, the number of monitored samples in it, and their current wear and slope."""

    regime: Regime
    monitored: int
    latest: float | None
    slope: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the wear of the regime as JSON-serialisable values."""
        values = {"monitored": self.monitored, "latest": self.latest, "slope": self.slope}
        return self.regime.as_dict() | values


@dataclass(frozen=True, slots=True)
class Deterioration:
    """The wear of each group in order, in standard deviations of the baseline's distances.

    `labels` (g) are the groups' values; `positions` (g,) lie on the axis of the trend (the values themselves
    if they are numbers, else 0, 1, 2...); `counts` (g,) are the samples per group; `latest` is the current
    wear. `regimes` tell it per regime, `forecasts` what was forecast earlier, and `scores` what that was
    worth.
    """

    labels: tuple[float | str, ...]
    positions: Floats
    wear: Floats
    counts: NDArray[np.int64]
    latest: float
    trend: Trend
    regimes: tuple[RegimeWear, ...]
    forecasts: tuple[Forecast, ...]
    scores: Scores

    def as_dict(self) -> dict[str, Any]:
        """Return the deterioration as JSON-serialisable values."""
        return {
            "labels": list(self.labels),
            "wear": self.wear.tolist(),
            "counts": self.counts.tolist(),
            "latest": self.latest,
            "trend": asdict(self.trend),
            "regimes": [regime.as_dict() for regime in self.regimes],
            "forecasts": [asdict(each) for each in self.forecasts],
            "forecast_scores": self.scores.as_dict(),
        }


def latest_wear(coordinates: Floats, distances: Floats, regimes: Sequence[Regime]) -> float | None:
    """Return the current wear of samples in order; None if none of them was judged.

    `coordinates` (m, 2) are their map positions and `distances` (m,) the detector's.
    """
    wear, _ = wear_of(regimes, coordinates, distances)
    judged = wear[np.isfinite(wear)]
    return current(judged) if judged.size else None


def deterioration(
    order: Order, coordinates: Floats, distances: Floats, regimes: Sequence[Regime], *, failing: float
) -> Deterioration:
    """Compute wear and trend of samples grouped by `order` (m).

    `coordinates` (m, 2) are the samples' map positions, which tell their regime, and `distances` (m,) the
    detector's distances. A group's wear is the median of its samples' (`wear_of`); samples that were not
    judged are left out. The trend compares only groups of the same regime, and predicts when the wear crosses
    the level `failing`. The result does not depend on the order of samples within a group. Raises EngineError
    if no sample was judged.
    """
    coordinates = np.asarray(coordinates, dtype=np.float64)
    if len(order) != coordinates.shape[0] or len(order) != len(distances):
        raise EngineError(
            f"there are {len(order)} order values for {coordinates.shape[0]} samples; each sample needs one",
            code="wrong_shape",
        )
    wear, labels = wear_of(regimes, coordinates, np.asarray(distances, dtype=np.float64))
    judged = np.isfinite(wear)
    if not judged.any():
        raise EngineError(
            f"none of the {len(order)} samples was judged, since too many of their values are missing",
            code="none_judged",
            params={"samples": len(order)},
        )
    wear, labels = wear[judged], labels[judged]
    names, groups = _groups(np.asarray(order)[judged])
    numeric = all(isinstance(name, float) for name in names)
    positions = np.array(names, dtype=np.float64) if numeric else np.arange(len(names), dtype=np.float64)
    _, of_groups, counts = _medians(groups, wear)
    cells, values, _ = _medians(groups * len(regimes) + labels, wear)
    series = Series(positions[cells // len(regimes)], values, cells % len(regimes)).thinned()
    forecasts, scores = past_forecasts(series, failing)
    return Deterioration(
        names,
        positions,
        of_groups,
        counts,
        current(of_groups),
        describe(series, failing),
        tuple(_of_regime(regime, place, labels, series) for place, regime in enumerate(regimes)),
        forecasts,
        scores,
    )


def _of_regime(regime: Regime, place: int, labels: Labels, series: Series) -> RegimeWear:
    own = series.regimes == place
    part = Series(series.positions[own], series.wear[own], series.regimes[own])
    latest = current(part.wear) if len(part) else None
    slope = slope_of(part).value if len(part) >= MIN_POINTS else None
    return RegimeWear(regime, int((labels == place).sum()), latest, slope)


def _groups(values: NDArray[Any]) -> tuple[tuple[float | str, ...], Labels]:
    """Return the distinct labels (numbers ascending, texts by first appearance) and each sample's group."""
    if values.dtype.kind in "iufb":
        numbers = values.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise EngineError(
                "an order value is missing or not a finite number. Choose another column", code="no_order"
            )
        unique, groups = np.unique(numbers, return_inverse=True)
        return tuple(unique.tolist()), groups
    texts = values.astype(np.str_)
    unique_texts, first, groups = np.unique(texts, return_index=True, return_inverse=True)
    appearance = np.argsort(first)
    rank = np.empty_like(appearance)
    rank[appearance] = np.arange(appearance.size)
    return tuple(unique_texts[appearance].tolist()), rank[groups]


def _medians(keys: Labels, values: Floats) -> tuple[Labels, Floats, NDArray[np.int64]]:
    """Return the distinct keys (k,) in ascending order, the median of the values of each, and their count."""
    order = np.lexsort((values, keys))
    unique, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    ordered = values[order]
    medians: Floats = (ordered[first + (counts - 1) // 2] + ordered[first + counts // 2]) / 2.0
    return unique, medians, counts


def describe(series: Series, failing: float) -> Trend:
    """Return the trend of a series, with the crossing of the failing level, in words."""
    slope = slope_of(series)
    end = reached(series, failing) if current(series.wear) >= failing else None
    if end is not None:
        at = float(series.positions[end - 1])
        text = f"the wear crossed the failing level {failing:g} at about {at:.6g}"
        return _trend(series, slope, (at, at, at), text, "wear_crossed", failing=failing, crossing=at)
    if len(series) < MIN_POINTS:
        text = (
            f"no significant trend: a trend needs at least {MIN_POINTS} points, but there are {len(series)}"
        )
        numbers = {"points": float(len(series)), "needed": float(MIN_POINTS)}
        return _trend(series, slope, None, text, "too_few_points", **numbers)
    if not slope.significant:
        text = f"no significant trend (p = {slope.p_value:.2g})"
        return _trend(series, slope, None, text, "no_trend", p_value=slope.p_value)
    if slope.value < 0.0:
        text = "the wear is decreasing and will not cross the failing level"
        return _trend(series, slope, None, text, "wear_decreasing", rate=slope.value)
    said = forecast(series, slope, failing)
    times = (said.crossing, said.earliest, said.latest)
    what = _predicted(said, failing)
    return _trend(series, slope, times, what.text, what.code, failing=failing, **what.params)


@dataclass(frozen=True, slots=True)
class _Prediction:
    """What a forecast says of the crossing of the failing level, beside that level."""

    code: str
    params: Mapping[str, float]
    text: str


def _predicted(said: Forecast, failing: float) -> _Prediction:
    if said.earliest is None:
        text = "the wear has risen, but not lately, so when it crosses the failing level is unknown"
        return _Prediction("wear_rising", {}, text)
    if said.crossing is None:
        text = f"the wear will not cross the failing level {failing:g} before about {said.earliest:.6g}"
        return _Prediction("crossing_not_before", {"earliest": said.earliest}, text)
    text = f"the wear will cross the failing level {failing:g} at about {said.crossing:.6g}"
    if said.latest is None:
        text = f"{text} (not before {said.earliest:.6g}, perhaps much later)"
        return _Prediction("crossing_open", {"crossing": said.crossing, "earliest": said.earliest}, text)
    text = f"{text} (between {said.earliest:.6g} and {said.latest:.6g})"
    known = {"crossing": said.crossing, "earliest": said.earliest, "latest": said.latest}
    return _Prediction("crossing_predicted", known, text)


def _trend(
    series: Series,
    slope: Slope,
    times: tuple[float | None, float | None, float | None] | None,
    text: str,
    code: str,
    **params: float,
) -> Trend:
    crossing, earliest, latest = times or (None, None, None)
    level = float(np.median(series.wear)) - slope.value * float(np.median(series.positions))
    return Trend(
        slope.value,
        slope.low,
        slope.high,
        level,
        slope.tau,
        slope.p_value,
        slope.significant,
        crossing,
        earliest,
        latest,
        text,
        code,
        params,
    )
