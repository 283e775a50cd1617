"""Drift after the baseline: since when a machine has changed for good, and whether it has settled since.

See docs/engine.md, "Drift after the baseline".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .levels import Levels, grouped

Floats = NDArray[np.float64]

NONE, MOVING, OUTSIDE, SETTLED, UNKNOWN = "none", "moving", "outside", "settled", "unknown"

MIN_GROUPS = 8
"""Fewer groups show no shape."""

MIN_TAIL = 4
"""Groups since the end of a change that show whether it has ended."""

MIN_SAMPLES = 30
"""Samples that a history, and each part of it that something is concluded from, must have at least."""

MIN_SHIFT = 1.0
"""The least lasting change, in standard deviations: smaller ones come and go on healthy machines."""

MIN_LASTING_SHARE = 0.1
"""A change must have lasted for this share of the baseline's samples: the baseline has shown how long the
machine is away for a while."""

CLOSER, MIN_WINDOW = 0.25, 2.0
"""A closer look takes the last quarter, as long as what is looked at is twice as long as the baseline."""

MIN_SETTLED_SHARE = 0.5
"""A new normal must have lasted for this share of the baseline's samples: it is to become a baseline."""

MAX_SPREAD = 2.0
"""The largest spread of a new normal, in that of the baseline. A Gaussian cloud that is far from its centre
alone shows up to 1.5."""

MAX_CHANGE = 0.5
"""How far the halves of a new normal may be apart, in the total shift or, if that is more, in the spread."""

Z = 4.0
"""Standard errors that the change must have."""

POWERS = (1.0, 1.5, 2.0)
"""Exponents of a rise: distances grow with the square of a small shift, and in proportion to a large one."""

MIN_STEADY_SHARE = 1.0 / 3.0
"""The share of the duration of a change that must have passed since, before it counts as over."""

FAR = 6.0
"""Once a level is beyond, the machine has left its normal for certain, and the onset lies before."""

CHI_SQUARE = 6.63
"""The 99 % point with one degree of freedom, for the interval of the onset: with the 95 % point it missed
slow onsets, whose shape the fit only approximates."""


@dataclass(frozen=True, slots=True)
class Drift:
    """`state` is `none`, `moving` (still changing), `outside` (off, but not steady), `settled` or `unknown`.

    Of a change, the onset lies at `onset`, most likely between `earliest` and `latest`; since `steady_since`
    the level has not changed any more; `shift` is its distance from the level before, in the baseline's
    standard deviations (negative: closer to normal than the baseline itself), and `samples` have come since.
    """

    state: str
    onset: int | None = None
    earliest: int | None = None
    latest: int | None = None
    steady_since: int | None = None
    shift: float | None = None
    samples: int | None = None

    @property
    def proposes(self) -> bool:
        """Whether a new baseline is worth a thought: the machine is off, and has been steady for long."""
        return self.state == SETTLED and (self.shift or 0.0) > 0.0


def assess_drift(history: Levels, own: Levels) -> Drift:
    """Tell whether the `history` of a machine since its baseline has changed for good, and how it ends.

    `own` are the levels of the baseline's samples, held out. A change that is not seen in the whole history,
    or only at its end, is looked for more closely in the last quarter, and so on: a year does not hide what
    changed yesterday. Cost and memory beside the history are bounded by `MAX_GROUPS`.
    """
    learnt = int(own.samples.sum())
    drift = _assess(history, own)
    while (total := int(history.samples.sum())) > MIN_WINDOW * learnt and _may_be_closer(drift, total):
        recent = np.cumsum(history.samples) > (1.0 - CLOSER) * total
        history = Levels(
            history.at[recent], history.samples[recent], history.level[recent], history.spread[recent]
        )
        closer = _assess(history, own)
        if closer.state not in (NONE, UNKNOWN):
            drift = closer
    return drift


def _may_be_closer(drift: Drift, total: int) -> bool:
    """Whether a closer look shows more: no change is seen, or one that would still have much before it."""
    return drift.samples is None or drift.samples < CLOSER / 2.0 * total


def _assess(history: Levels, own: Levels) -> Drift:
    groups = grouped(history)
    if groups.level.size < MIN_GROUPS or groups.samples.sum() < MIN_SAMPLES:
        return Drift(UNKNOWN)
    start, sign = _excursion(groups.level)
    samples = int(groups.samples[start:].sum())
    lasting = max(MIN_SAMPLES, MIN_LASTING_SHARE * int(own.samples.sum()))
    if groups.level.size - start < 2 or samples < lasting:
        return Drift(NONE)
    noise = _noise(groups, own, start)
    end = float(np.median(groups.level[start:]))
    if sign * end < MIN_SHIFT or abs(end) < Z * noise / np.sqrt(groups.level.size - start):
        return Drift(NONE)
    return _shape(groups, own, start, sign)


def _excursion(level: Floats) -> tuple[int, int]:
    """Return where the last excursion of the levels (g,) begins, and its direction (1 or -1).

    The two-sided cumulative sum (Page 1954) with an allowance of half the least shift: it has been above 0
    since its last zero, which estimates the onset.
    """
    begins = {}
    for sign in (1, -1):
        sums = np.concatenate(([0.0], np.cumsum(sign * level - MIN_SHIFT / 2.0)))
        begins[sign] = int(sums.size - 1 - sums[::-1].argmin())
    sign = min(begins, key=lambda each: begins[each])
    return begins[sign], sign


def _noise(groups: Levels, own: Levels, start: int) -> float:
    """Return the standard deviation of the level of a group of a machine that does not change.

    It is the largest of what the baseline's own parts show, what the samples within groups let expect, and
    what the groups before the change show.
    """
    within = float(np.median(groups.spread)) / np.sqrt(max(1.0, float(np.median(groups.samples))))
    parts: list[float] = [within]
    if own.level.size >= MIN_GROUPS:
        # Parts of the baseline have other sizes; a wandering level does not average out in larger ones.
        share = min(1.0, float(np.median(own.samples)) / max(1.0, float(np.median(groups.samples))))
        parts.append(float(own.level.std() * np.sqrt(share)))
    if start >= MIN_GROUPS:
        parts.append(float(groups.level[:start].std()))
    return max(parts)


def _shape(groups: Levels, own: Levels, start: int, sign: int) -> Drift:
    """Fit how the change came about: a level, a ramp that may be a step, and a level again."""
    first = _context(groups.level, start, sign)
    level = groups.level[first:]
    weights = groups.samples[first:].astype(np.float64)
    free = start - first >= MIN_GROUPS // 2
    # What a machine does once it is far out says nothing about when it left.
    far = np.flatnonzero(sign * level[start - first :] >= FAR)
    left = start - first + int(far[0]) + 2 if far.size else level.size
    fit = _trapezoid(np.clip(level[:left], -FAR, FAR), weights[:left], free=free)
    whole = _trapezoid(level, weights, free=free)
    fit = replace(fit, end=max(whole.end, float(fit.start)), shift=whole.shift)
    times = groups.at[first:]
    steady = min(int(np.ceil(fit.end)), level.size - 1)
    tail = slice(first + steady, None)
    lasting = int(groups.samples[tail].sum())
    onset = min(fit.start, level.size - 1)
    state = MOVING
    if level.size - steady >= max(MIN_TAIL, MIN_STEADY_SHARE * (fit.end - fit.start)):
        calm, unchanged = _steady(groups.level[tail], groups.spread[tail], fit.shift)
        long = lasting >= max(MIN_SAMPLES, MIN_SETTLED_SHARE * int(own.samples.sum()))
        state = MOVING if not unchanged else SETTLED if calm and long else OUTSIDE
    shift = float(np.median(groups.level[tail])) if state != MOVING else float(level[-1])
    return Drift(
        state,
        int(times[onset]),
        int(times[max(0, min(fit.low, level.size - 1) - 1)]),
        int(times[min(fit.high + 1, level.size - 1)]),
        int(times[steady]) if state != MOVING else None,
        shift,
        int(groups.samples[first + onset :].sum()),
    )


def _context(level: Floats, start: int, sign: int) -> int:
    """Return where the normal groups before an excursion begin: earlier excursions do not count."""
    before = np.flatnonzero(sign * level[:start] >= MIN_SHIFT)
    return int(before[-1]) + 1 if before.size else 0


@dataclass(frozen=True, slots=True)
class _Fit:
    """Groups where the ramp starts and ends, the interval of its start, and the height of the change."""

    start: int
    end: float
    low: int
    high: int
    shift: float


def _trapezoid(level: Floats, weights: Floats, *, free: bool) -> _Fit:
    """Fit `b + a r(g)^p` by weighted least squares: r rises from 0 at group `start` to 1 at group `end`.

    Every pair of start and end is tried with every exponent p of `POWERS`. Unless the level before is `free`,
    it is 0, that of the baseline. The interval holds every start whose best fit is not significantly worse;
    neighbouring residuals resemble each other, which widens it.
    """
    g = level.size
    place = np.arange(g, dtype=np.float64)
    starts, ends = np.triu_indices(g)
    # A step at group s is a ramp from s - 1 to s.
    rise = np.clip((place - starts[:, None] + 1.0) / (ends - starts + 1.0)[:, None], 0.0, 1.0)
    share = weights / weights.sum()
    y = level - (float(level @ share) if free else 0.0)
    per_start = np.full(g, np.inf)
    best = _Fit(0, 0.0, 0, 0, 0.0)
    least, left = np.inf, y
    for power in POWERS:
        x = rise**power
        if free:
            x -= (x @ share)[:, None]
        size = np.maximum((x**2) @ weights, 1e-12)
        slope = (x @ (weights * y)) / size
        errors = float((y**2) @ weights) - slope**2 * size
        np.minimum.at(per_start, starts, errors)
        i = int(errors.argmin())
        if errors[i] < least:
            least, left = float(errors[i]), y - slope[i] * x[i]
            best = _Fit(int(starts[i]), float(ends[i]), 0, 0, float(slope[i]))
    variance = max(float((left**2) @ weights) / max(1, g - 4), 1e-12)
    r = float((left[1:] * left[:-1]).sum()) / max(float((left**2).sum()), 1e-12)
    r = min(max(r, 0.0), 0.9)
    good = np.flatnonzero(per_start <= least + CHI_SQUARE * variance * (1.0 + r) / (1.0 - r))
    return replace(best, low=int(good[0]), high=int(good[-1]))


def _steady(level: Floats, spread: Floats, shift: float) -> tuple[bool, bool]:
    """Tell whether the groups (t,) since the change spread like the baseline, and keep their level."""
    total = float(np.hypot(np.median(spread), level.std()))
    halves = np.array_split(level, 2)
    change = abs(float(np.median(halves[1]) - np.median(halves[0])))
    return total <= MAX_SPREAD, change <= MAX_CHANGE * max(MIN_SHIFT, min(abs(shift), MAX_SPREAD))


def describe_drift(
    drift: Drift, onset: Sequence[str | None], sensors: Sequence[tuple[str, float]] = ()
) -> dict[str, Any] | None:
    """Return a note with a stable code, its parameters and the English text; None if there is nothing to say.

    `onset` are the times of onset, earliest, latest and the begin of the steady part, as texts; `sensors` are
    those that have moved most, with their levels in the baseline's standard deviations.
    """
    if drift.state in (NONE, UNKNOWN) or drift.shift is None:
        return None
    at, earliest, latest, steady = onset
    params = {
        "onset": at,
        "earliest": earliest,
        "latest": latest,
        "steady_since": steady,
        "shift": drift.shift,
        "samples": drift.samples,
        "sensors": [{"name": name, "level": level} for name, level in sensors],
    }
    listed = ", ".join(f"{name} ({level:+.1f} standard deviations)" for name, level in sensors)
    moved = f" Moved most: {listed}." if listed else ""
    since = f"since about {at} (between {earliest} and {latest})"
    side = "farther from" if drift.shift > 0.0 else "closer to"
    amount = f"{abs(drift.shift):.1f} standard deviations {side} normal than in the baseline"
    if drift.proposes:
        return {
            "code": "rebaseline_proposed",
            "params": params,
            "text": (
                f"The machine has been {amount} {since}, and steady since {steady}. If this is its new"
                " normal, as after maintenance, upload a baseline from then on; if not, it is a lasting"
                f" fault.{moved}"
            ),
        }
    if drift.state == SETTLED:
        text = (
            f"The machine has been {amount} {since}: the baseline may cover a wider range than the machine"
            " uses now."
        )
    elif drift.state == MOVING:
        text = f"The machine has been changing {since}, and still is; it is {amount}."
    else:
        text = f"The machine has been {amount} {since}, and is not steady enough for a new normal."
    return {"code": f"drift_{drift.state}", "params": params, "text": text + moved}
