"""Judges with a run's own settings: the map and the detector stay those of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import EngineConfig
from .readiness import CONFIDENCE, effective_samples
from .threshold import threshold_of

if TYPE_CHECKING:
    from ..model import BaselineModel

Floats = NDArray[np.float64]

THRESHOLD_SETTINGS = ("sensitivity", "false_alarm_rate")
HEALTH_SETTINGS = ("deteriorating_fraction", "failing_fraction", "deteriorating_wear", "failing_wear")
JUDGING = (*THRESHOLD_SETTINGS, "max_missing", "severity_bands", *HEALTH_SETTINGS)
"""The parameters that take effect when samples are judged; a run may have its own."""

READING = ("end_meta", "start_dim", "end_dim")
"""The parameters that say how a file is read; a run may have its own."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The share (0..1) of normal samples above a threshold, with its 95 % interval."""

    rate: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return the promise as JSON-serialisable values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A setting of a run that has no effect on it, because what it belongs to was learnt by the baseline."""

    name: str
    wanted: Any
    used: Any

    def as_dict(self) -> dict[str, Any]:
        """Return a note with a stable code, its parameters and the English text."""
        return {
            "code": "setting_of_baseline",
            "params": {"setting": self.name, "wanted": self.wanted, "used": self.used},
            "text": (
                f"{self.name} stays {self.used!r}, as in the baseline, instead of {self.wanted!r}: the map"
                " and the detector were learnt with that value. Upload a new baseline to change it."
            ),
        }


def judged_by(model: BaselineModel, config: EngineConfig) -> BaselineModel:
    """Return the model with the settings of `config` that take effect when samples are judged (`JUDGING`)."""
    own = {name: getattr(config, name) for name in JUDGING}
    used = replace(model.config, **own)
    if used == model.config:
        return model
    same = all(getattr(used, name) == getattr(model.config, name) for name in THRESHOLD_SETTINGS)
    threshold = model.threshold if same else threshold_of(held_out(model), used)
    return replace(model, config=used, threshold=threshold)


def with_threshold(
    model: BaselineModel, *, sigmas: float | None = None, rate: float | None = None
) -> BaselineModel:
    """Return the model with the threshold of a number of standard deviations, or of a rate of false alarms.

    With neither it stays as it is. Raises ConfigError for a value that is out of range.
    """
    if sigmas is not None:
        config = replace(model.config, sensitivity=sigmas, false_alarm_rate=None)
    elif rate is not None:
        config = replace(model.config, sensitivity=None, false_alarm_rate=rate)
    else:
        return model
    return judged_by(model, config.validate())


def ignored(model: BaselineModel, config: EngineConfig) -> list[Ignored]:
    """Return the settings of a run that differ from the baseline's and have no effect on the run."""
    found = []
    for name in (field.name for field in fields(EngineConfig)):
        wanted, used = getattr(config, name), getattr(model.config, name)
        if name not in (*JUDGING, *READING) and wanted != used:
            found.append(Ignored(name, wanted, used))
    return found


def held_out(model: BaselineModel) -> Floats:
    """Return the baseline's own out-of-sample distances without those of its outliers."""
    return without_outliers(model.baseline_distances, model.report.outliers)


def without_outliers(distances: Floats, outliers: Sequence[int]) -> Floats:
    """Return distances (n,) without those of outliers, which are counted from 1, and those that are NaN."""
    kept = np.delete(distances, np.array(outliers, dtype=np.int64) - 1)
    return kept[np.isfinite(kept)]


def promise(model: BaselineModel) -> Promise:
    """Return what the baseline lets expect of normal samples at the model's threshold.

    The interval is Clopper and Pearson's (1934) for as many independent samples as the baseline has.
    """
    distances = held_out(model)
    share = float((distances > model.threshold).mean())
    return Promise(share, *interval(share, effective_samples(distances)))


def interval(share: float, samples: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of independent samples (Clopper and Pearson)."""
    from scipy.special import betaincinv  # imported here because SciPy loads slowly

    hits, tail = share * samples, (1.0 - CONFIDENCE) / 2.0
    low = float(betaincinv(hits, samples - hits + 1.0, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1.0, samples - hits, 1.0 - tail)) if hits < samples else 1.0
    return low, high


def alarm_intervals(distances: Sequence[Floats], threshold: float) -> list[tuple[int, int]]:
    """Return the runs of successive anomalies in distances (parts of one series), as [first, after last)."""
    series = np.concatenate([*distances, np.empty(0)])
    # NaN, a sample that could not be judged, ends an interval.
    edges = np.flatnonzero(np.diff(np.concatenate(([False], series > threshold, [False]))))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]
