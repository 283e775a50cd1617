"""Compiled inner loops of the map. Import inside functions: numba takes most of a second to load.

The similarity `s(r) = a*exp(-r^2/w1) + (1 - a)*(1 - r^2/w2)` (docs/engine.md, "The map of normal", step 3)
is evaluated billions of times. The loops are therefore fused (no n x n temporaries), parallel over rows and
vectorised over columns. One thread sums each row in a fixed order, so the result does not depend on the
number of threads.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])

_LOCK = threading.Lock()
_ALL_THREADS = numba.get_num_threads()

MAX_SEQUENTIAL_PAIRS = 250_000
"""A loop over this many pairs takes about a millisecond. Waking other cores would take longer, and on a busy
machine a parallel loop waits for the slowest of them."""


@contextmanager
def parallel(pairs: int) -> Iterator[None]:
    """Guard a parallel loop over this many pairs; every parallel loop runs inside this context.

    Two threads must not enter numba's fallback threading layer at once. Small loops run on a single thread.
    """
    with _LOCK:
        numba.set_num_threads(1 if pairs < MAX_SEQUENTIAL_PAIRS else _ALL_THREADS)
        yield


FAST = {"reassoc", "contract", "nsz", "arcp", "nnan", "ninf"}
"""Relaxed floating-point rules that let the compiler vectorise sums; all inputs are finite here."""


def compiled(*, parallel: bool) -> Callable[[Function], Function]:
    """Apply numba.njit, with its cache unless the installation is read-only."""

    def decorate(function: Function) -> Function:
        def build(cache: bool) -> Function:
            make = numba.njit(parallel=parallel, fastmath=FAST, nogil=True, error_model="numpy", cache=cache)
            return cast(Function, make(function))

        try:
            return build(cache=True)
        except RuntimeError:  # numba: "cannot cache function: no locator available"
            return build(cache=False)

    return decorate


MAX_EXPONENT = 40.0
"""exp(-40) is 4e-18, below the rounding error of any similarity."""

EXPANSION_POINT = 0.15625
"""exp(-x) = exp(-x/128)^128, and x/128 lies between 0 and twice this point for x in [0, 40]."""

C0, C1, C2, C3, C4, C5, C6, C7, C8 = (
    math.exp(-EXPANSION_POINT) * (-1.0) ** k / math.factorial(k) for k in range(9)
)
"""Taylor coefficients of exp(-v) at EXPANSION_POINT; nine terms give a relative error below 2e-13."""


@compiled(parallel=False)
def exp_minus(x: float) -> float:
    """Return exp(-x) for x >= 0 with a relative error below 3e-11: a short polynomial, squared seven times.

    Unlike the library's exp, it is a branch-free sequence of multiply-adds, which the compiler vectorises.
    """
    v = min(x, MAX_EXPONENT) * 0.0078125 - EXPANSION_POINT
    v2 = v * v
    low = (C0 + v * C1) + v2 * (C2 + v * C3)
    high = (C4 + v * C5) + v2 * (C6 + v * C7)
    p = low + v2 * v2 * (high + v2 * v2 * C8)
    p = p * p
    p = p * p
    p = p * p
    p = p * p
    p = p * p
    p = p * p
    return p * p


@compiled(parallel=True)
def normalise(squares: Floats, low: float, span: float, farthest: float) -> None:
    """Replace squared distances (n, m) by min(max(0, (D - low)/span), farthest)^2, in place."""
    for i in numba.prange(squares.shape[0]):
        row = squares[i]
        for j in range(row.shape[0]):
            r = min(max((math.sqrt(row[j]) - low) / span, 0.0), farthest)
            row[j] = r * r


@compiled(parallel=True)
def similarities(squared: Floats, a: float, w1: float, w2: float) -> None:
    """Replace squared normalised distances (n, m) by their similarities, in place."""
    for i in numba.prange(squared.shape[0]):
        row = squared[i]
        for j in range(row.shape[0]):
            r2 = row[j]
            row[j] = a * exp_minus(r2 / w1) + (1.0 - a) * (1.0 - r2 / w2)


STRIPES = 16
"""Row stripes of the cost. Their sums are added in order, whatever the number of threads."""


@compiled(parallel=True)
def cost_gradient(p: Floats, target: Floats, a: float, w1: float, w2: float, sums: Floats) -> None:
    """Compute cost and gradient of the map p (2, n) for target similarities (n, n; only j > i is read).

    `sums` (STRIPES, 3, n) receives each stripe's parts of dE/dx, dE/dy and, in [:, 2, i], of E itself. Every
    pair is visited once: dE/dp_i = sum_j 4 f (a/w1 e + (1-a)/w2) (p_j - p_i), and its opposite for p_j, where
    f = s(|p_i - p_j|) - target_ij is the residual and e the Gaussian term.
    """
    n = p.shape[1]
    x, y = p[0], p[1]
    inverse, local, wide, level = 1.0 / w1, a / w1, (1.0 - a) / w2, 1.0 - a
    for stripe in numba.prange(STRIPES):
        gx, gy, costs = sums[stripe, 0], sums[stripe, 1], sums[stripe, 2]
        gx[:] = 0.0
        gy[:] = 0.0
        costs[:] = 0.0
        for i in range(stripe, n, STRIPES):
            xi, yi = x[i], y[i]
            # The compiler vectorises only loops that start at index 0, hence the slices.
            row, right_x, right_y = target[i, i + 1 :], x[i + 1 :], y[i + 1 :]
            right_gx, right_gy = gx[i + 1 :], gy[i + 1 :]
            cost, own_x, own_y = 0.0, 0.0, 0.0
            for j in range(row.size):
                dx = xi - right_x[j]
                dy = yi - right_y[j]
                r2 = dx * dx + dy * dy
                e = exp_minus(r2 * inverse)
                f = a * e + level - wide * r2 - row[j]
                cost += f * f
                pull = 4.0 * f * (local * e + wide)
                own_x -= pull * dx
                own_y -= pull * dy
                right_gx[j] += pull * dx
                right_gy[j] += pull * dy
            gx[i] += own_x
            gy[i] += own_y
            costs[i] = cost


CONVERGED, COARSELY_CONVERGED = 1e-16, 1e-6
"""Squared step, relative to the map's unit (1 = its largest distance), at which a placement has converged:
Newton's next step would be its square. At COARSELY_CONVERGED it continues among all references."""

MAX_DAMPING = 1e12
"""Beyond this damping, steps no longer move anything."""

ROUNDING = 1.0 + 1e-13
"""A smaller rise of the cost is a rounding error: near the minimum, the gradient is more precise."""


@compiled(parallel=False)
def placed_cost(
    px: float, py: float, x: Floats, y: Floats, target: Floats, a: float, w1: float, w2: float
) -> float:
    """Return the cost of position (px, py) against references x, y (r,) with target similarities (r,)."""
    inverse, wide, level = 1.0 / w1, (1.0 - a) / w2, 1.0 - a
    cost = 0.0
    for j in range(x.shape[0]):
        dx = px - x[j]
        dy = py - y[j]
        r2 = dx * dx + dy * dy
        f = a * exp_minus(r2 * inverse) + level - wide * r2 - target[j]
        cost += f * f
    return cost


@compiled(parallel=False)
def newton_terms(
    px: float, py: float, x: Floats, y: Floats, target: Floats, a: float, w1: float, w2: float
) -> tuple[float, float, float, float, float, float, float]:
    """Return the cost of one position, half its gradient (2), half its Hessian (3) and the trace of J'J.

    With the residual f, q = 2 ds/dr2, c = 4 d2s/dr2^2 and d = p - p_j, the gradient is sum f q d and the
    Hessian sum (q^2 + f c) d d' + f q I. J'J, its part without second derivatives, is positive semidefinite.
    """
    inverse, local, wide, level = 1.0 / w1, a / w1, (1.0 - a) / w2, 1.0 - a
    bend = 4.0 * local * inverse
    cost, gx, gy, hxx, hxy, hyy, straight, shift = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(x.shape[0]):
        dx = px - x[j]
        dy = py - y[j]
        r2 = dx * dx + dy * dy
        e = exp_minus(r2 * inverse)
        f = a * e + level - wide * r2 - target[j]
        q = -2.0 * (local * e + wide)
        pull = f * q
        weight = q * q + f * bend * e
        cost += f * f
        gx += pull * dx
        gy += pull * dy
        hxx += weight * dx * dx
        hxy += weight * dx * dy
        hyy += weight * dy * dy
        straight += q * q * r2
        shift += pull
    return cost, gx, gy, hxx + shift, hxy, hyy + shift, straight


@compiled(parallel=False)
def descend(
    px: float,
    py: float,
    x: Floats,
    y: Floats,
    target: Floats,
    a: float,
    w1: float,
    w2: float,
    max_steps: int,
    still: float,
) -> tuple[float, float, float]:
    """Return position and cost after Newton steps with Levenberg-Marquardt damping (1944, 1963)."""
    cost, gx, gy, hxx, hxy, hyy, straight = newton_terms(px, py, x, y, target, a, w1, w2)
    damping = 1e-3
    for _ in range(max_steps):
        lift = damping * straight + 1e-300
        axx, ayy = hxx + lift, hyy + lift
        determinant = axx * ayy - hxy * hxy
        if not (axx > 0.0 and determinant > 0.0):
            if damping > MAX_DAMPING:
                break
            damping *= 10.0
            continue
        sx = (hxy * gy - ayy * gx) / determinant
        sy = (hxy * gx - axx * gy) / determinant
        size = sx * sx + sy * sy
        trial = newton_terms(px + sx, py + sy, x, y, target, a, w1, w2)
        if trial[0] <= cost * ROUNDING:
            px += sx
            py += sy
            cost, gx, gy, hxx, hxy, hyy, straight = trial
            damping *= 0.1
        else:
            damping *= 10.0
        if size <= still * (1.0 + px * px + py * py):
            break
    return px, py, cost


@compiled(parallel=True)
def place(
    squared: Floats,
    start: Floats,
    reference: Floats,
    a: float,
    w1: float,
    w2: float,
    max_steps: int,
    stride: int,
    placed: Floats,
    costs: Floats,
) -> None:
    """Place m samples independently, each at the minimum of its cost.

    `squared` (m, r) holds squared normalised distances to the references and is overwritten with their
    similarities; `start` (c, m, 2) holds candidate starts, of which each sample uses the cheapest;
    `reference` (2, r) is the map; `placed` (m, 2) and `costs` (m,) receive positions and residual sums of
    squares. A sample first descends among every `stride`-th reference, which leads it close to its position
    at a fraction of the work.
    """
    x, y = reference[0], reference[1]
    few_x, few_y = x[::stride].copy(), y[::stride].copy()
    for i in numba.prange(squared.shape[0]):
        target = squared[i]
        for j in range(target.shape[0]):
            r2 = target[j]
            target[j] = a * exp_minus(r2 / w1) + (1.0 - a) * (1.0 - r2 / w2)
        few = target[::stride].copy()
        px, py = start[0, i, 0], start[0, i, 1]
        best = placed_cost(px, py, few_x, few_y, few, a, w1, w2)
        for c in range(1, start.shape[0]):
            cost = placed_cost(start[c, i, 0], start[c, i, 1], few_x, few_y, few, a, w1, w2)
            if cost < best:
                best, px, py = cost, start[c, i, 0], start[c, i, 1]
        if stride > 1:
            px, py, best = descend(px, py, few_x, few_y, few, a, w1, w2, max_steps, COARSELY_CONVERGED)
        px, py, cost = descend(px, py, x, y, target, a, w1, w2, max_steps, CONVERGED)
        placed[i, 0] = px
        placed[i, 1] = py
        costs[i] = cost


@compiled(parallel=True)
def rank_penalty(distances: Floats, neighbours: NDArray[np.int64], k: int, penalties: Floats) -> None:
    """For each sample, sum max(0, feature rank - k) over its neighbours on the map (see trustworthiness)."""
    n = distances.shape[0]
    for i in numba.prange(n):
        row = distances[i]
        total = 0.0
        for m in range(neighbours.shape[1]):
            j = neighbours[i, m]
            limit = row[j]
            rank = 1
            for q in range(n):
                if q != i and q != j and row[q] < limit:
                    rank += 1
            if rank > k:
                total += rank - k
        penalties[i] = total
