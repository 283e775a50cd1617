"""Columns of a block reduced over windows that end with each of its steps, with the steps before it. Pure."""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.alerting.rules.program import Leaf
from services.alerting.series.domain import Block, Floats, Times

Places = NDArray[np.int64]


class View:
    """A block with those before it of the same source; rules with the same window share its columns."""

    def __init__(self, block: Block, before: Sequence[Block] = ()) -> None:
        self.block = block
        self.before = [each for each in before if each.source is block.source]
        self._times: Times | None = None
        self._order: Places | None = None
        self._columns: dict[tuple[object, ...], Floats] = {}

    def column(self, leaf: Leaf) -> Floats:
        """The values (n,) that the leaf compares, NaN where not known."""
        if leaf.window is None:
            key: tuple[object, ...] = (leaf.signal, leaf.feature)
        else:
            key = (leaf.signal, leaf.feature, leaf.window, leaf.reduce)
        if key not in self._columns:
            self._columns[key] = (
                self.block.column(leaf.signal, leaf.feature) if leaf.window is None else self._reduced(leaf)
            )
        return self._columns[key]

    def _reduced(self, leaf: Leaf) -> Floats:
        """The reduced values; windows exclude their beginning and include the step that they end with."""
        times = self._sorted()
        assert leaf.window is not None
        own = self.block.times
        stops = np.searchsorted(times, own, side="right")
        starts = np.searchsorted(times, own - leaf.window, side="right")
        if leaf.signal in ("anomaly.count", "anomaly.fraction"):
            return self._counted(leaf.signal, starts, stops)
        values = self._joined([each.column(leaf.signal, leaf.feature) for each in self._all])
        weights = self._joined([each.weights for each in self._all])
        known = ~np.isnan(values)
        if leaf.signal == "quality.missing":
            weights = np.maximum(weights, 1.0)
        if leaf.reduce == "mean":
            total = _sums(np.where(known, values * weights, 0.0), starts, stops)
            count = _sums(np.where(known, weights, 0.0), starts, stops)
            return _quotient(total, count)
        if leaf.reduce == "median":
            return _medians(values, starts, stops)
        if leaf.reduce == "max":
            return _highest(values, starts, stops)
        return -_highest(-values, starts, stops)

    def _counted(self, signal: str, starts: Places, stops: Places) -> Floats:
        anomalies = _sums(self._joined([each.anomalies for each in self._all]), starts, stops)
        if signal == "anomaly.count":
            return anomalies
        judged = _sums(self._joined([each.weights for each in self._all]), starts, stops)
        return _quotient(anomalies, judged)

    @property
    def _all(self) -> Sequence[Block]:
        return [*self.before, self.block]

    def _sorted(self) -> Times:
        if self._times is None:
            times = np.concatenate([each.times for each in self._all])
            self._order = np.argsort(times, kind="stable")
            self._times = times[self._order]
        return self._times

    def _joined(self, columns: Sequence[Floats]) -> Floats:
        return np.concatenate(columns)[self._order]


def _quotient(total: Floats, count: Floats) -> Floats:
    """NaN where nothing was counted."""
    quotient: Floats = np.divide(total, count, out=np.full(total.size, np.nan), where=count > 0)
    return quotient


def _sums(values: Floats, starts: Places, stops: Places) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: Floats = total[stops] - total[starts]
    return sums


def _highest(values: Floats, starts: Places, stops: Places) -> Floats:
    """The highest value of each range, by a table of the ranges whose lengths are powers of two."""
    lengths = stops - starts
    level: Floats = np.where(np.isnan(values), -np.inf, values)
    found = np.full(starts.size, -np.inf)
    width = 1
    while True:
        some = (lengths >= width) & (lengths < 2 * width)
        found[some] = np.maximum(level[starts[some]], level[stops[some] - width])
        if 2 * width > lengths.max(initial=0):
            return np.where(np.isinf(found), np.nan, found)
        level = np.maximum(level[:-width], level[width:])
        width *= 2


def _medians(values: Floats, starts: Places, stops: Places) -> Floats:
    """The median of each range; neither their starts nor their stops ever go back."""
    window: list[float] = []
    numbers = values.tolist()
    first = last = int(starts[0]) if starts.size else 0
    found = np.full(starts.size, np.nan)
    for place, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        for number in numbers[last:stop]:
            if number == number:
                insort(window, number)
        for number in numbers[first:start]:
            if number == number:
                del window[bisect_left(window, number)]
        first, last = start, max(last, stop)
        if window:
            middle = len(window) // 2
            low = window[middle] if len(window) % 2 else window[middle - 1]
            found[place] = (low + window[middle]) / 2
    return found
