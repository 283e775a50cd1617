"""Shrinkage covariance of standardised samples in terms of its principal axes, with cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..rows import NO_ROWS, Rows, row_chunks

if TYPE_CHECKING:
    from .base import Detector

Floats = NDArray[np.float64]

SHRINKAGES = np.geomspace(1e-3, 1.0, 19)
"""Candidate intensities. With less, directions of a thirtieth of a standard deviation and below are trusted,
which sensors do not keep for long: on servers whose normal operation goes on (ASD), 1e-5 alarms at 4.4 % of
the samples where 1e-3 alarms at 0.3 %, and ranks faults no better."""

MAX_DUAL_ROWS = 4000
"""With more features than samples, the cost grows with the cube of the number of samples; this many evenly
spaced ones suffice."""

MAX_VALIDATION_ROWS = 1000
"""Evenly spaced rows of a block that validate the shrinkage; a single number needs no more."""

RANK_TOLERANCE = 1e-12
"""Variances below this share of the largest are rounding errors."""

SMALL_SAMPLE, SMALL_SAMPLE_BLOCKS, BLOCKS = 200, 10, 5
"""Small baselines are validated in tenths, so that enough remains to learn from; larger ones in fifths."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Mean (d,), variances (r,) and principal axes (d, r) of `count` samples.

    `dimensions` is the number of informative features: the axes may span fewer (r < dimensions). `average` is
    the mean variance per informative feature, the target of the shrinkage.
    """

    mean: Floats
    values: Floats
    vectors: Floats
    dimensions: int
    count: int
    average: float

    def coarser(self, extra: Floats) -> Axes:
        """The axes after the variances of the features have grown by `extra` (d,)."""
        covariance = (self.vectors * self.values) @ self.vectors.T
        covariance[np.diag_indices_from(covariance)] += extra
        values, vectors = np.linalg.eigh(covariance)
        keep = values > RANK_TOLERANCE * values.max(initial=0.0)
        return replace(self, values=values[keep], vectors=np.ascontiguousarray(vectors[:, keep]))

    def shrunk(self, intensity: float) -> tuple[Floats, float]:
        """Variances on the axes (r,) and off them after shrinking to the average variance."""
        return (1.0 - intensity) * self.values + intensity * self.average, intensity * self.average

    def split(self, z: Floats) -> tuple[Floats, Floats]:
        """Coefficients (m, r) of z - mean on the axes, and the squared lengths (m,) of the remainders."""
        centred = z - self.mean
        coefficients: Floats = centred @ self.vectors
        total = np.einsum("ij,ij->i", centred, centred)
        inside = np.einsum("ij,ij->i", coefficients, coefficients)
        if self.values.size >= self.dimensions:
            return coefficients, np.zeros_like(total)
        return coefficients, np.maximum(total - inside, 0.0)


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean (d,) and scatter (d, d) of a block of samples."""

    count: int
    mean: Floats
    scatter: Floats

    def merge(self, other: Moments) -> Moments:
        """Moments of both blocks together (Chan, Golub and LeVeque 1979: no cancellation)."""
        count = self.count + other.count
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.count / count)
        scatter = self.scatter + other.scatter
        scatter += np.outer(gap, gap * (self.count * other.count / count))
        return Moments(count, mean, scatter)


@dataclass(frozen=True, slots=True)
class Sample:
    """A baseline to learn from: `rows` (n,) of a table whose standardised rows `take` returns.

    Missing cells are NaN there; `complete` returns the same rows with these filled in. `expected`, if it is
    known, returns them with the expectations of missing cells, and the summed covariances (d, d) of these.
    Of moving averages, which have no gaps, `present` returns the share of the features that they rest on.
    `floor` (d,) is added to the variances: what the resolution of each feature hides. `context` (c,) are the
    columns given which the others are judged. Rows keep their order. `blocks` are contiguous, so that
    neighbours in time, which resemble each other, are held out together. `checkpoint` is called before each
    decomposition, which may take a second.
    """

    take: Callable[[Rows], Floats]
    complete: Callable[[Rows], Floats]
    rows: Rows
    width: int
    dimensions: int
    checkpoint: Callable[[], None]
    floor: Floats
    context: Rows = field(default_factory=lambda: NO_ROWS)
    present: Callable[[Rows], Floats] | None = None
    expected: Callable[[Rows], tuple[Floats, Floats]] | None = None

    @property
    def blocks(self) -> list[Rows]:
        """The contiguous blocks of rows that are held out in turn."""
        count = SMALL_SAMPLE_BLOCKS if self.rows.size < SMALL_SAMPLE else BLOCKS
        return np.array_split(self.rows, min(count, self.rows.size))

    def without(self, rows: Rows) -> Sample:
        """The sample without some of its rows."""
        return replace(self, rows=np.setdiff1d(self.rows, rows))

    def statistics(self, detector: Detector, rows: Rows) -> Floats:
        """The statistics (m, k) of some rows (m,)."""
        return detector.statistics(self.take(rows), self.present(rows) if self.present else None)

    def learn(self) -> tuple[Axes, list[Axes]]:
        """Axes of all rows, and for each block the axes of the rows outside it."""
        blocks = self.blocks
        if self.rows.size > self.width:
            moments = [self._moments(block) for block in blocks]
            outside = [self._primal(moments[:i] + moments[i + 1 :]) for i in range(len(blocks))]
            return self._primal(moments), outside
        outside = [self._dual(np.concatenate(blocks[:i] + blocks[i + 1 :])) for i in range(len(blocks))]
        return self._dual(self.rows), outside

    def whole(self) -> Axes:
        """Axes of all rows alone."""
        return (
            self._primal([self._moments(self.rows)]) if self.rows.size > self.width else self._dual(self.rows)
        )

    def _moments(self, rows: Rows) -> Moments:
        parts = [self._chunk_moments(rows[part]) for part in row_chunks(rows.size, self.width)]
        return _merged(parts)

    def _chunk_moments(self, rows: Rows) -> Moments:
        z, uncertain = (self.complete(rows), None) if self.expected is None else self.expected(rows)
        mean = z.mean(axis=0)
        z -= mean
        scatter = z.T @ z
        if uncertain is not None:
            scatter += uncertain
        return Moments(rows.size, mean, scatter)

    def _primal(self, moments: Sequence[Moments]) -> Axes:
        merged = _merged(moments)
        self.checkpoint()
        covariance = merged.scatter / max(1, merged.count - 1)
        total = float(np.trace(covariance))
        covariance[np.diag_indices_from(covariance)] += self.floor
        values, vectors = np.linalg.eigh(covariance)
        return self._axes(merged.mean, values, vectors, merged.count, total)

    def _dual(self, rows: Rows) -> Axes:
        """The same axes from the n x n Gram matrix, which holds all the information when n < d."""
        self.checkpoint()
        if rows.size > MAX_DUAL_ROWS:
            rows = rows[np.linspace(0, rows.size - 1, MAX_DUAL_ROWS).astype(np.int64)]
        z = self.complete(rows)
        mean = z.mean(axis=0)
        z -= mean
        values, vectors = np.linalg.eigh(z @ z.T / max(1, rows.size - 1))
        keep = values > RANK_TOLERANCE * values.max(initial=0.0)
        directions = orthonormal(z.T @ vectors[:, keep][:, ::-1])
        total = float(values.sum())
        return self._axes(mean, values[keep], directions[:, ::-1], rows.size, total)

    def _axes(self, mean: Floats, values: Floats, vectors: Floats, count: int, total: float) -> Axes:
        keep = values > RANK_TOLERANCE * values.max(initial=0.0)
        dimensions = max(self.dimensions, int(keep.sum()))
        return Axes(
            mean,
            values[keep],
            np.ascontiguousarray(vectors[:, keep]),
            dimensions,
            count,
            total / max(1, dimensions) or 1.0,
        )


def orthonormal(directions: Floats) -> Floats:
    """Orthonormalise directions (d, r) from a Gram matrix, each against those before it.

    Rounding leaves them only as orthogonal as the conditioning of the matrix allows. Two rounds of Cholesky
    decomposition (Yamamoto and others 2015) take a few matrix products, whereas QR takes thousands of small
    ones that wait for each other on a busy machine.
    """
    repaired: Floats = directions / np.linalg.norm(directions, axis=0)
    for _ in range(2):
        try:
            factor = np.linalg.cholesky(repaired.T @ repaired)
        except np.linalg.LinAlgError:
            repaired, _ = np.linalg.qr(directions)
            break
        repaired = repaired @ np.linalg.inv(factor).T
    return repaired


def _merged(parts: Sequence[Moments]) -> Moments:
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    return merged


def choose_shrinkage(sample: Sample, outside: Sequence[Axes]) -> float:
    """Return the shrinkage intensity that maximises the Gaussian likelihood of the held-out blocks.

    Ledoit-Wolf and OAS minimise the covariance's error in the Frobenius norm, which large variances dominate.
    Detection uses the inverse, which small variances dominate, and for it they shrink too much (Tennessee
    Eastman, fault 5: 66 % missed with Ledoit-Wolf, under 1 % with this choice). The likelihood of held-out
    data (Hoffbeck and Landgrebe 1996, here in contiguous blocks) evaluates the inverse itself.
    """
    score = np.zeros(SHRINKAGES.size)
    for block, axes in zip(sample.blocks, outside, strict=True):
        squares, rest = _held_out_squares(sample, block, axes)
        free = axes.dimensions - axes.values.size
        for k, intensity in enumerate(SHRINKAGES):
            inside, floor = axes.shrunk(intensity)
            fit = np.log(inside).sum() + (squares / inside).sum() + free * np.log(floor) + rest / floor
            score[k] -= 0.5 * block.size * fit
    return float(SHRINKAGES[int(score.argmax())])


def _held_out_squares(sample: Sample, block: Rows, axes: Axes) -> tuple[Floats, float]:
    """A block's mean squared coefficients (r,) on the axes, and its mean squared distance from them."""
    if block.size > MAX_VALIDATION_ROWS:
        block = block[np.linspace(0, block.size - 1, MAX_VALIDATION_ROWS).astype(np.int64)]
    squares, rest = np.zeros(axes.values.size), 0.0
    for part in row_chunks(block.size, sample.width):
        coefficients, off = axes.split(sample.complete(block[part]))
        squares += np.einsum("ij,ij->j", coefficients, coefficients)
        rest += float(off.sum())
    return squares / block.size, rest / block.size
