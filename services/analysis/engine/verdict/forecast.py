"""When the wear crosses the failing level, and what earlier forecasts of it were worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .trend import MIN_POINTS, Series, Slope, slope_of

Floats = NDArray[np.float64]

RECENT_SHARE, MIN_RECENT = 0.1, 5
"""The last part of a series, whose median is the current wear, so that no single sample determines it."""

FORECAST_SHARE = 0.5
"""The last part of a series that a forecast continues. With a third, the latest crossing is unknown twice as
often; the whole series has forgotten by then how steep the wear has become."""

FIRST_SHARE = 1.0 / 3.0
"""The first part of a series, whose median is the wear before it grew."""

MIN_GROWN = 0.1
"""How much of the way to the failing level counts as grown at least: less is noise, and noise has no rate."""

FORECASTS = 9
"""Earlier forecasts that are scored: as of one tenth, two tenths... of the series."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the points up to the position `at` said about the crossing of the failing level.

    The wear crosses at `crossing`, between `earliest` and `latest`; None if that is unknown. `within` says
    whether it happened within the interval; None if that is still open.
    """

    at: float
    crossing: float | None
    earliest: float | None
    latest: float | None
    within: bool | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """How earlier forecasts did: those that are decided (`scored`), and how many of them held (`within`).

    `coverage` is the share of those that held, `median_error` the median distance between the forecast and
    the actual crossing, in the unit of the ordered column.
    """

    crossed: float | None
    scored: int
    within: int
    coverage: float | None
    median_error: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as JSON-serialisable values."""
        return asdict(self)


def current(wear: Floats) -> float:
    """Return the current wear of a series of wear (g,), g > 0."""
    return float(np.median(wear[-max(MIN_RECENT, round(RECENT_SHARE * wear.size)) :]))


def reached(series: Series, level: float) -> int | None:
    """Return how many points of a series there were when its current wear first reached a level."""
    g = len(series)
    if series.wear.max(initial=-np.inf) < level:
        return None
    return next((n for n in range(min(g, MIN_RECENT), g + 1) if current(series.wear[:n]) >= level), None)


def forecast(series: Series, trend: Slope, level: float) -> Forecast:
    """Forecast when a series with a significant rising trend crosses a level that it has not reached.

    The wear goes on at least linearly and at most exponentially, as damage that grows with itself does
    (Gebraeel and others 2005). So the latest crossing is that of the straight line of the lowest slope, the
    earliest that of the exponential of the highest, and the crossing lies midway, by the ratio of the times
    that remain.
    """
    now = float(series.positions[-1])
    none = Forecast(now, None, None, None)
    if not trend.significant or trend.value < 0.0:
        return none
    recent = series.last(max(MIN_POINTS, round(FORECAST_SHARE * len(series))))
    slope = slope_of(recent)
    middle, wear = float(np.median(recent.positions)), float(np.median(recent.wear))
    start = float(np.median(series.wear[: max(MIN_RECENT, round(FIRST_SHARE * len(series)))]))
    rest = max(level - wear, 0.0)
    grown = max(wear - start, MIN_GROWN * (level - start))
    # With dw/dt = (w - start) k, the exponential takes this share of the straight line's time.
    share = grown / rest * float(np.log1p(rest / grown)) if rest > 0.0 and grown > 0.0 else 1.0

    def time(rate: float, part: float) -> float | None:
        return max(middle + part * rest / rate, now) if rate > 0.0 else None

    latest, earliest = time(slope.low, 1.0), time(slope.high, share)
    slow, fast = time(slope.value, 1.0), time(slope.value, share)
    if slow is None or fast is None:
        return Forecast(now, None, earliest, latest)
    return Forecast(now, now + float(np.sqrt((slow - now) * (fast - now))), earliest, latest)


def past_forecasts(series: Series, level: float) -> tuple[tuple[Forecast, ...], Scores]:
    """Return what was forecast as the series grew, each told whether it held, and the scores of all."""
    end = reached(series, level)
    crossed = float(series.positions[end - 1]) if end is not None else None
    now = float(series.positions[-1])
    found = []
    for part in range(1, FORECASTS + 1):
        points = part * len(series) // (FORECASTS + 1)
        if points < MIN_POINTS or (end is not None and points >= end):
            continue
        known = series.first(points)
        said = forecast(known, slope_of(known), level)
        if said.earliest is not None:
            found.append(_judged(said, crossed, now))
    return tuple(found), _scores(found, crossed)


def _judged(said: Forecast, crossed: float | None, now: float) -> Forecast:
    too_late = said.latest is not None and said.latest < (now if crossed is None else crossed)
    too_early = crossed is not None and said.earliest is not None and crossed < said.earliest
    within = False if too_late or too_early else None if crossed is None else True
    return Forecast(said.at, said.crossing, said.earliest, said.latest, within)


def _scores(said: Sequence[Forecast], crossed: float | None) -> Scores:
    decided = [each for each in said if each.within is not None]
    held = sum(bool(each.within) for each in decided)
    errors = [
        abs(each.crossing - crossed) for each in said if crossed is not None and each.crossing is not None
    ]
    return Scores(
        crossed,
        len(decided),
        held,
        held / len(decided) if decided else None,
        float(np.median(errors)) if errors else None,
    )
