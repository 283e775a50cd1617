"""Determines the state of a machine from its history of runs, with reasons.

See docs/engine.md, "Deterioration and health".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import EngineConfig
from .judging import AVERAGE_WEIGHT

STATES = OK, DETERIORATING, FAILING = "ok", "deteriorating", "failing"

UNKNOWN = "unknown"
"""The state of a machine of whose newest run too much is missing to tell."""

_MISSING = "too many sensors were missing"

CHANCE = 0.02
"""A share of anomalies counts as evidence if chance would produce it in fewer than one run in fifty."""

CHANCE_ALONE = 0.001
"""Evidence that chance would produce in fewer than one run in a thousand needs no second run to agree."""

MIN_SAMPLES = 20
"""Successive runs with fewer samples count as one run: a single sample cannot tell a share of 5 %."""

MIN_WEAR_SAMPLES = 5
"""The wear of fewer samples is that of single samples, of which some are always far from normal."""


@dataclass(frozen=True, slots=True)
class NormalRate:
    """The share of anomalies (0..1) among normal samples, known from so many independent ones."""

    share: float
    samples: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a monitoring run contributes: judged samples, how many are anomalies, current wear or None.

    `features` are those that its anomalies point to, with their mean shares (0..1), largest first. Besides
    the `samples` there are `not_judged` ones, of which too much was missing. `averaged` counts the anomalies
    that the moving average told.
    """

    samples: int
    anomalies: int
    wear: float | None
    features: tuple[tuple[str, float], ...] = ()
    not_judged: int = 0
    averaged: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a machine is in its state: a sentence, and the same as a stable `code` with its `params`."""

    code: str
    params: dict[str, Any]
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return the reason as JSON-serialisable values."""
        return {"code": self.code, "params": self.params, "text": self.text}


@dataclass(frozen=True, slots=True)
class Health:
    """`state` is `ok`, `deteriorating`, `failing` or `unknown`; `reasons` say why."""

    state: str
    reasons: tuple[Reason, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the health as JSON-serialisable values: `reasons` are texts, `findings` have their codes."""
        return {
            "state": self.state,
            "reasons": [reason.text for reason in self.reasons],
            "findings": [reason.as_dict() for reason in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The level (0 to 2) that runs support, and the one that they support without a second opinion."""

    level: int
    alone: int
    reasons: tuple[Reason, ...]


NOTHING = _Evidence(0, 0, ())


def assess_health(runs: Sequence[Run], config: EngineConfig, *, normal: NormalRate | None = None) -> Health:
    """Assess a machine by its runs on one baseline, oldest first; there must be at least one.

    The worse of two measures decides what a run supports: its share of anomalies, compared with
    `deteriorating_fraction` and `failing_fraction`, and its wear, compared with `deteriorating_wear` and
    `failing_wear`. Given the rate of `normal` samples, a share that chance could explain does not count. The
    state rises when two successive runs support it, or when one does beyond doubt, and falls when two
    successive runs do; if nothing of the newest run was judged, it is not known. It depends on the runs
    alone, so it is the same after a restart, and whenever they are judged again.
    """
    last = runs[-1]
    if last.not_judged and not last.samples:
        text = f"none of the {last.not_judged} samples could be judged: {_MISSING}"
        return Health(UNKNOWN, (Reason("nothing_judged", {"not_judged": last.not_judged}, text),))
    state = 0
    newest, before = NOTHING, NOTHING
    for end in range(1, len(runs) + 1):
        start = _start_of_window(runs, end)
        newest = _evidence(runs[start:end], config, normal)
        before = _evidence(runs[_start_of_window(runs, start) : start], config, normal) if start else NOTHING
        lowest = max(newest.alone, min(newest.level, before.level))
        state = min(max(state, lowest), max(newest.level, before.level))
    reasons = [*newest.reasons, *_undecided(state, newest.level)]
    if state or newest.level:
        reasons += _pointing(runs[_start_of_window(runs, len(runs)) :])
    if last.not_judged:
        whole = last.not_judged + last.samples
        text = f"{last.not_judged} of {whole} samples could not be judged: {_MISSING}"
        params = {"not_judged": last.not_judged, "samples": whole}
        reasons.append(Reason("some_not_judged", params, text))
    return Health(STATES[state], tuple(reasons))


def _start_of_window(runs: Sequence[Run], end: int) -> int:
    """Return where the runs before `end` begin that together have MIN_SAMPLES samples."""
    samples, start = 0, end
    while start > 0 and samples < MIN_SAMPLES:
        start -= 1
        samples += runs[start].samples
    return start


def _evidence(runs: Sequence[Run], config: EngineConfig, normal: NormalRate | None) -> _Evidence:
    samples, anomalies = sum(run.samples for run in runs), sum(run.anomalies for run in runs)
    level, alone, reason = _of_anomalies(samples, anomalies, _repeated(runs, config), config, normal)
    reasons = [reason]
    wears = [run.wear for run in runs if run.wear is not None]
    if wears:
        of_wear, reason = _of_wear(float(np.median(wears)), samples, config)
        level = max(level, of_wear)
        reasons.append(reason)
    return _Evidence(level, alone, tuple(reasons))


def _repeated(runs: Sequence[Run], config: EngineConfig) -> float:
    """Return how many anomalies only repeat others: a moving average remembers what it has seen.

    One of weight w varies as the mean of (2 - w)/w samples does (Lowry and others 1992), so as many of its
    alarms are one.
    """
    weight = AVERAGE_WEIGHT if config.ewma is None else config.ewma
    averaged = sum(run.averaged if config.ewma is None else run.anomalies for run in runs)
    return averaged * (1.0 - weight / (2.0 - weight))


def _of_anomalies(
    samples: int, anomalies: int, repeated: float, config: EngineConfig, normal: NormalRate | None
) -> tuple[int, int, Reason]:
    share = anomalies / samples if samples else 0.0
    limits = config.deteriorating_fraction, config.failing_fraction
    level = supported = alone = _level(share, *limits)
    if level and normal is not None:
        own, trials = int(anomalies - repeated), int(np.ceil(samples - repeated))
        supported = min(level, _supported_level(own, trials, normal, config, CHANCE))
        alone = min(level, _supported_level(own, trials, normal, config, CHANCE_ALONE))
    limit = limits[max(0, level - 1)]
    params = {"anomalies": anomalies, "samples": samples, "share": share, "limit": limit}
    text = f"{share:.1%} of the latest {samples} samples are anomalies"
    if level == 0:
        return 0, 0, Reason("anomalies_below_limit", params, f"{text}, below the limit of {limit:.1%}")
    text += f", at or above the limit of {limit:.1%}"
    if supported < level:
        text += f", but {anomalies} of {samples} are too few to conclude more than '{STATES[supported]}'"
        return supported, alone, Reason("anomalies_too_few", params | {"state": STATES[supported]}, text)
    return supported, alone, Reason("anomalies_at_limit", params | {"state": STATES[supported]}, text)


def _of_wear(wear: float, samples: int, config: EngineConfig) -> tuple[int, Reason]:
    limits = config.deteriorating_wear, config.failing_wear
    level = _level(wear, *limits)
    limit = limits[max(0, level - 1)]
    params = {"wear": wear, "limit": limit}
    text = f"the latest samples are {max(wear, 0.0):.1f} baseline standard deviations away from normal"
    if level == 0:
        return 0, Reason("wear_below_limit", params, f"{text}, below the limit of {limit:g}")
    text += f", at or above the limit of {limit:g}"
    if samples < MIN_WEAR_SAMPLES:
        text += f", but there are only {samples} of them"
        return 0, Reason("wear_of_too_few", params | {"samples": samples}, text)
    return level, Reason("wear_at_limit", params | {"state": STATES[level]}, text)


def _undecided(state: int, level: int) -> tuple[Reason, ...]:
    """Say why the state is not what the newest run supports."""
    params = {"state": STATES[state], "supported": STATES[level]}
    if state < level:
        text = (
            f"the newest run alone is not enough to rate the machine '{STATES[level]}': the next one decides."
            " Look at its anomalies, and upload the next samples soon"
        )
        return (Reason("rise_unconfirmed", params, text),)
    if state > level:
        text = (
            f"the machine was rated '{STATES[state]}' before, and one better run is not enough to change"
            " that: the next one decides"
        )
        return (Reason("fall_unconfirmed", params, text),)
    return ()


def _pointing(runs: Sequence[Run]) -> list[Reason]:
    """Say where to look first: at what the anomalies of the newest run that has some point to."""
    features = next((run.features for run in reversed(runs) if run.features), ())
    if not features:
        return []
    named = ", ".join(f"{name} ({share:.0%})" for name, share in features)
    params = {"features": [{"name": name, "share": share} for name, share in features]}
    return [Reason("anomalies_point_to", params, f"the anomalies point to {named}: look there first")]


def _supported_level(hits: int, samples: int, normal: NormalRate, config: EngineConfig, chance: float) -> int:
    """Return the worst level that a chance of so much does not explain.

    `deteriorating` needs more anomalies than the baseline's own rate would produce by chance, and `failing`
    more than the rate of a deteriorating machine would.
    """
    if chance_beside_baseline(hits, samples, normal) >= chance:
        return 0
    return 2 if chance_at_rate(hits, samples, config.deteriorating_fraction) < chance else 1


def chance_beside_baseline(hits: int, samples: int, normal: NormalRate) -> float:
    """Return the probability of at least `hits` anomalies among samples of a machine like its baseline.

    The baseline's rate is known only as precisely as its independent samples allow, hence the tail of the
    beta-binomial prediction from Jeffreys' prior (Brown, Cai and DasGupta 2001).
    """
    if hits <= 0:
        return 1.0
    from scipy.special import betaln, gammaln  # imported here because SciPy loads slowly

    a = normal.share * normal.samples + 0.5
    b = (1.0 - normal.share) * normal.samples + 0.5
    k = np.arange(hits, samples + 1, dtype=np.float64)
    ways = gammaln(samples + 1.0) - gammaln(k + 1.0) - gammaln(samples - k + 1.0)
    return min(1.0, float(np.exp(ways + betaln(k + a, samples - k + b) - betaln(a, b)).sum()))


def chance_at_rate(hits: int, samples: int, rate: float) -> float:
    """Return the probability of at least `hits` hits among samples with a known rate (binomial tail)."""
    if hits <= 0 or rate >= 1.0:
        return 1.0
    from scipy.special import betainc  # imported here because SciPy loads slowly

    return float(betainc(hits, samples - hits + 1.0, rate))


def _level(value: float, deteriorating: float, failing: float) -> int:
    return 2 if value >= failing else 1 if value >= deteriorating else 0
