"""Fills in missing values between samples, if the configuration says so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_GAP_ROWS = 10_000
"""Rows that are held back for the other end of a gap. A longer gap stays missing."""


class Filler:
    """Fills in successive chunks of samples (m, d): with the `previous` value, or on a line between both
    ends.

    Gaps at the beginning stay missing, and with `linear` those at the end.
    """

    def __init__(self, how: str) -> None:
        self._how = how
        self._last: Floats | None = None
        self._held: list[Floats] = []

    def add(self, chunk: Floats) -> Iterator[Floats]:
        """Take a chunk, and yield the chunks that are complete, in order."""
        if self._how == "previous":
            self._last = _carried(chunk, self._last)
            yield chunk
            return
        self._held.append(chunk)
        self._draw()
        while self._held and (not self._waits(self._held[0]) or self._rows() > MAX_GAP_ROWS):
            yield self._release()

    def rest(self) -> Iterator[Floats]:
        """Yield what is still held back at the end of the file."""
        while self._held:
            yield self._release()

    def _rows(self) -> int:
        return sum(len(chunk) for chunk in self._held)

    def _waits(self, chunk: Floats) -> bool:
        """Tell whether a later chunk may still end a gap of this one, one that has a beginning."""
        begun = np.full(chunk.shape[1], False) if self._last is None else ~np.isnan(self._last)
        return bool((np.isnan(chunk[-1]) & (begun | (~np.isnan(chunk)).any(axis=0))).any())

    def _release(self) -> Floats:
        chunk = self._held.pop(0)
        self._last = _last_row(chunk, self._last)
        return chunk

    def _draw(self) -> None:
        """Interpolate within what is held, from the last values before it on."""
        before = [] if self._last is None else [self._last[None, :]]
        rows = np.concatenate([*before, *self._held])
        places = np.arange(len(rows))
        for column in rows.T:
            known = np.flatnonzero(~np.isnan(column))
            if len(known) > 1:
                inner = slice(known[0], known[-1] + 1)
                drawn = np.interp(places[inner], known, column[known])
                for gap in np.flatnonzero(np.diff(known) > MAX_GAP_ROWS):
                    drawn[known[gap] + 1 - known[0] : known[gap + 1] - known[0]] = np.nan
                column[inner] = drawn
        start = len(before)
        for chunk in self._held:
            chunk[:] = rows[start : start + len(chunk)]
            start += len(chunk)


def _carried(chunk: Floats, last: Floats | None) -> Floats:
    """Fill a chunk with previous values in place, and return its last row."""
    for row in chunk:
        if last is not None:
            np.copyto(row, last, where=np.isnan(row))
        last = row
    return _last_row(chunk, last).copy()


def _last_row(chunk: Floats, before: Floats | None) -> Floats:
    last: Floats = chunk[-1].copy()
    if before is not None and np.isnan(last).any():
        np.copyto(last, before, where=np.isnan(last))
    return last
