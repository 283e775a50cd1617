"""Assesses whether a baseline can be relied on, and advises an engineer what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..rows import NO_ROWS, Rows
from .groups import MIN_REGIME_SHARE, count_regimes
from .memory import Memory
from .tail import tail_rate
from .threshold import Calibration

Floats = NDArray[np.float64]

READY, USABLE, UNRELIABLE = "ready", "usable", "unreliable"

MIN_SAMPLES_PER_FEATURE = 2.0
"""With fewer than two samples per informative feature, a covariance is mostly its shrinkage target."""

MIN_EFFECTIVE_SAMPLES = 30
"""Fewer independent samples do not determine the mean and the spread of the distances well enough."""

MAX_CONDITION = 1e8
"""With a larger condition number, the direction of least variance has lost half of float64's digits."""

MAX_FALSE_ALARM_RATE = 0.05
"""The share of anomalies at which a machine counts as deteriorating."""

CONFIDENCE = 0.95

MIN_SLOW_SAMPLES = 2.0
"""A feature that changes within two samples is not what limits a baseline."""

MAX_LISTED_SAMPLES = 3
"""Samples that the advice names of each value that a sensor cannot have measured."""

MAX_LISTED_OUTLIERS = 10
"""Outliers that the advice names; `outliers` lists them all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a baseline lacks, in words for an engineer; `code` and `params` for programs."""

    code: str
    text: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-serialisable values."""
        return {"code": self.code, "text": self.text, "params": dict(self.params)}


@dataclass(frozen=True, slots=True)
class BaselineReport:
    """How reliable a baseline is: `verdict` is `ready`, `usable` or `unreliable`; `advice` says what to do.

    `findings` are the advice with codes. `effective_samples` allows for the resemblance of successive
    distances, and `independent_samples` for that of the `slowest_feature`; `condition` and `shrinkage` are
    those of the shrunk covariance; `outliers` are the 1-based samples that were excluded from learning;
    `regimes` is the number of separate groups. `expected_false_alarms` is the share of normal samples that
    alarm, from the baseline's own samples, out of sample; it lies between `false_alarms_least` and
    `false_alarms_bound` with a confidence of 95 % (Clopper and Pearson 1934).
    """

    verdict: str
    advice: tuple[str, ...]
    samples: int
    features: int
    effective_samples: float
    condition: float
    shrinkage: float
    outliers: tuple[int, ...]
    regimes: int
    expected_false_alarms: float
    false_alarms_bound: float
    false_alarms_least: float = 0.0
    independent_samples: float | None = None
    slowest_feature: str | None = None
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-serialisable values."""
        findings = [finding.as_dict() for finding in self.findings]
        return {
            **asdict(self),
            "advice": list(self.advice),
            "outliers": list(self.outliers),
            "findings": findings,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the report that `as_dict` stored, also one from before there were all of its fields."""
        findings = tuple(Finding(**finding) for finding in values.get("findings", ()))
        lists = {name: tuple(values[name]) for name in ("advice", "outliers")}
        return cls(**{**values, **lists, "findings": findings})


def assess_baseline(
    used: Calibration,
    memory: Memory,
    names: Sequence[str],
    outliers: Rows,
    blocks: Sequence[int],
    coordinates: Floats,
    features: int,
    dropped: int,
    condition: float,
    shrinkage: float,
    gross: Sequence[tuple[int, str, float]] = (),
    skipped: Rows = NO_ROWS,
    missing: Sequence[Finding] = (),
) -> BaselineReport:
    """Assess a fitted baseline by its calibration, its slowest feature and its map positions (n, 2).

    `outliers` were found by any detector, `blocks` are the sizes of the held-out blocks, and `gross` are
    cells that no sensor measured: sample (from 0), feature and value. `skipped` are the samples of which too
    much is missing, and `missing` is the advice on what is missing.
    """
    n = coordinates.shape[0]
    distances = np.delete(used.distances, used.outliers)
    effective = effective_samples(distances)
    independent = min(effective, memory.effective)
    expected = tail_rate(distances, used.threshold)
    least, bound = rate_interval(expected, independent)
    parts = np.split(distances > used.threshold, np.cumsum(blocks)[:-1])
    bound = max(bound, *(float(part.mean()) for part in parts))
    far = np.setdiff1d(outliers, skipped)
    regimes = (
        1 if far.size > MIN_REGIME_SHARE * n else count_regimes(np.delete(coordinates, outliers, axis=0))
    )
    problems, notes = [], []
    if features == 0:
        problems.append(
            Finding(
                "nothing_varies",
                "Every feature is constant, so there is nothing to learn. Check that the sensors were"
                " connected and the machine was running.",
            )
        )
    if effective < MIN_EFFECTIVE_SAMPLES:
        problems.append(
            Finding(
                "too_few_samples",
                f"The {n} samples carry as much information as {effective:.0f} independent ones; with fewer"
                f" than {MIN_EFFECTIVE_SAMPLES}, the threshold is a guess. Record normal operation for"
                " longer, or at longer intervals.",
                {"samples": n, "effective": round(effective), "least": MIN_EFFECTIVE_SAMPLES},
            )
        )
    if features > 0 and n < MIN_SAMPLES_PER_FEATURE * features:
        suffices = int(np.ceil(MIN_SAMPLES_PER_FEATURE * features))
        notes.append(
            Finding(
                "few_samples_per_feature",
                f"There are only {n} samples for {features} informative features, so small faults may be"
                f" missed. About {suffices} samples of normal operation suffice.",
                {"samples": n, "features": features, "suffices": suffices},
            )
        )
    if bound > MAX_FALSE_ALARM_RATE:
        notes.append(_rate_finding(expected, least, bound, n, independent, memory, names))
    if gross:
        notes.append(_gross_finding(gross))
    notes += missing
    if far.size:
        notes.append(_outlier_finding([int(row) + 1 for row in far]))
    if regimes > 1:
        notes.append(
            Finding(
                "separate_groups",
                f"The baseline consists of {regimes} separate groups (such as loads or speeds). Faults"
                " between them are hard to detect. A separate baseline for each would be more precise.",
                {"groups": regimes},
            )
        )
    if condition > MAX_CONDITION:
        notes.append(
            Finding(
                "duplicate_features",
                f"Some features are nearly identical (condition {condition:.1e}). Remove duplicate channels.",
                {"condition": condition},
            )
        )
    serious = bool(notes)
    if dropped:
        notes.append(
            Finding(
                "constant_features",
                f"{dropped} constant feature{'s' if dropped > 1 else ''} of this baseline"
                f" {'are' if dropped > 1 else 'is'} not on the map; a change of"
                f" {'their values' if dropped > 1 else 'its value'} is reported as an anomaly.",
                {"features": dropped},
            )
        )
    findings = tuple(problems + notes) or (
        Finding("sound", "This baseline is sound. There is nothing to do."),
    )
    return BaselineReport(
        UNRELIABLE if problems else USABLE if serious else READY,
        tuple(finding.text for finding in findings),
        n,
        features,
        effective,
        condition,
        shrinkage,
        tuple(int(row) + 1 for row in outliers),
        regimes,
        expected,
        bound,
        least,
        independent,
        names[memory.feature] if memory.feature is not None else None,
        findings,
    )


def _rate_finding(
    expected: float,
    least: float,
    bound: float,
    n: int,
    independent: float,
    memory: Memory,
    names: Sequence[str],
) -> Finding:
    """Say how well the baseline knows its rate of false alarms, and what makes it know better."""
    params: dict[str, Any] = {
        "expected": expected,
        "least": least,
        "most": bound,
        "independent": round(independent),
    }
    text = (
        f"{expected:.2%} of normal samples are expected to alarm, but {n} samples show only that the true"
        f" share is between {least:.2%} and {bound:.1%}."
    )
    if memory.feature is not None and memory.samples >= MIN_SLOW_SAMPLES:
        slow = names[memory.feature]
        params |= {"feature": slow, "memory": round(memory.samples)}
        text += (
            f" Values of the slowest feature, {slow}, depend on each other over about {memory.samples:.0f}"
            f" samples, so the baseline carries only as much information as {independent:.0f} independent"
            f" samples. Record normal operation for longer, so that {slow} passes through its whole normal"
            " range several times."
        )
    else:
        text += " Add normal samples, or raise the alarm threshold."
    return Finding("uncertain_rate", text, params)


def _gross_finding(cells: Sequence[tuple[int, str, float]]) -> Finding:
    samples: dict[tuple[str, float], list[int]] = {}
    for row, name, value in cells:
        samples.setdefault((name, value), []).append(row + 1)
    listed = [f"{name} = {value:g} in {_listed(rows)}" for (name, value), rows in samples.items()]
    more = f" and {len(listed) - MAX_LISTED_OUTLIERS} more" if len(listed) > MAX_LISTED_OUTLIERS else ""
    return Finding(
        "no_measurements",
        f"These values are far from everything else that their sensors measured: "
        f"{', '.join(listed[:MAX_LISTED_OUTLIERS])}{more}. They count as missing. Check whether the logger"
        " marks missing values in this way.",
        {
            "cells": [[row + 1, name, value] for row, name, value in cells[:MAX_LISTED_OUTLIERS]],
            "sensors": list(dict.fromkeys(name for _, name, _ in cells))[:MAX_LISTED_OUTLIERS],
        },
    )


def _listed(samples: Sequence[int]) -> str:
    """Name a few samples, and say how many more there are."""
    if len(samples) == 1:
        return f"sample {samples[0]}"
    named, more = samples[:MAX_LISTED_SAMPLES], len(samples) - MAX_LISTED_SAMPLES
    text = ", ".join(str(sample) for sample in named)
    return f"samples {text} and {more} more" if more > 0 else f"samples {text}"


def _outlier_finding(samples: list[int]) -> Finding:
    params = {"samples": samples[:MAX_LISTED_OUTLIERS], "count": len(samples)}
    if len(samples) == 1:
        return Finding(
            "outliers",
            f"Sample {samples[0]} of this baseline is far from normal and was excluded from the threshold."
            " Check it, and upload the baseline without it if it shows a fault or a measurement error.",
            params,
        )
    listed = ", ".join(str(sample) for sample in samples[:MAX_LISTED_OUTLIERS])
    more = f" and {len(samples) - MAX_LISTED_OUTLIERS} more" if len(samples) > MAX_LISTED_OUTLIERS else ""
    return Finding(
        "outliers",
        f"Samples {listed}{more} of this baseline are far from normal and were excluded from the threshold."
        " Check them, and upload the baseline without those that show faults or measurement errors.",
        params,
    )


def effective_samples(series: Floats) -> float:
    """Return the effective size of a series (n,): n (1 - r)/(1 + r), r >= 0 its lag-one autocorrelation."""
    n = series.size
    centred = series - series.mean()
    power = float((centred**2).sum())
    if n < 3 or power == 0.0:
        return float(n)
    r = min(max(float((centred[1:] * centred[:-1]).sum()) / power, 0.0), 0.99)
    return max(1.0, n * (1.0 - r) / (1.0 + r))


def rate_interval(rate: float, samples: float) -> tuple[float, float]:
    """Return the 95 % confidence interval of a rate of independent samples (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv  # imported here because SciPy loads slowly

    hits, tail = rate * samples, 0.5 * (1.0 - CONFIDENCE)
    least = float(betaincinv(hits, samples - hits + 1.0, tail)) if hits > 0.0 else 0.0
    most = float(betaincinv(hits + 1.0, samples - hits, 1.0 - tail)) if hits < samples else 1.0
    return least, most
