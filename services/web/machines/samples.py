"""What is shown of one sample: its spectrum beside what is normal, and similar earlier anomalies."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from services.web.api.client import Json

# Fewer features are read better as a table.
MIN_SPECTRUM = 32
NUMBER = re.compile(r"^(.*?)(\d+)$")
# Bins this far apart count as half the same: a fault's line wanders with the speed.
NEAR_BINS = 2
MIN_SIMILARITY = 0.6
MAX_SIMILAR = 5
# Where normal ends in a figure, in standard deviations.
NORMAL_DEVIATIONS = 2.0


@dataclass(frozen=True, slots=True)
class Similar:
    """An earlier anomaly with a similar explanation; `outcome` is that of its alert, if it was resolved."""

    anomaly: Json
    similarity: float
    outcome: str | None


def spectrum(names: Sequence[str], values: Sequence[float | None], sensors: Iterable[Json]) -> Json | None:
    """The sample's spectrum over the baseline's mean and range; None if its features are no spectrum.

    Features are a spectrum if there are many and they are numbered in order, such as f_0, f_1 ...
    """
    numbers = numbered(names)
    if numbers is None:
        return None
    learnt = {each["name"]: each for each in sensors}
    means = [_number(learnt.get(name, {}).get("mean")) for name in names]
    spreads = [_number(learnt.get(name, {}).get("deviation")) for name in names]
    limits = [
        (None, None)
        if mean is None or spread is None
        else (mean - NORMAL_DEVIATIONS * spread, mean + NORMAL_DEVIATIONS * spread)
        for mean, spread in zip(means, spreads, strict=True)
    ]
    return {
        "x": numbers,
        "observed": list(values),
        "expected": means,
        "low": [low for low, _ in limits],
        "high": [high for _, high in limits],
    }


def numbered(names: Sequence[str]) -> Sequence[int] | None:
    """The numbers of names that differ in an increasing number only; None for other names, or too few."""
    if len(names) < MIN_SPECTRUM:
        return None
    found = [NUMBER.match(name) for name in names]
    parts = [(match[1], int(match[2])) for match in found if match]
    if len(parts) < len(names) or len({prefix for prefix, _ in parts}) > 1:
        return None
    numbers = [number for _, number in parts]
    return numbers if all(a < b for a, b in pairwise(numbers)) else None


def similar(anomaly: Json, others: Iterable[Json], alerts: Sequence[Json]) -> Sequence[Similar]:
    """The earlier anomalies that deviate in the same features in the same direction, the most similar first.

    The measure is the cosine between the features' signed shares of the deviation. One anomaly of a run
    stands for all of it.
    """
    own = _signature(anomaly)
    best: dict[str, Similar] = {}
    for other in others:
        if other["timestamp"] >= anomaly["timestamp"] or other["analysis_id"] == anomaly["analysis_id"]:
            continue
        found = _cosine(own, _signature(other))
        run = other["analysis_id"]
        if found >= MIN_SIMILARITY and (run not in best or best[run].similarity < found):
            best[run] = Similar(other, found, outcome_at(other["timestamp"], alerts))
    return sorted(best.values(), key=lambda each: -each.similarity)[:MAX_SIMILAR]


def outcome_at(time: str, alerts: Iterable[Json]) -> str | None:
    """What the alert during which an anomaly was found turned out to be."""
    at = datetime.fromisoformat(time)
    for alert in alerts:
        first, last = (datetime.fromisoformat(alert[name]) for name in ("first_seen_at", "last_seen_at"))
        outcome = alert.get("outcome")
        if first <= at <= last and outcome:
            return str(outcome)
    return None


def anomaly_window(seconds: float) -> tuple[str, str]:
    """The shortest range of times, as the API filters them, that contains a sample's time."""
    # A float of seconds is exact to a fraction of a microsecond only.
    at = datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(microseconds=round(seconds * 1e6))
    return (at - timedelta(microseconds=1)).isoformat(), (at + timedelta(microseconds=2)).isoformat()


def _signature(anomaly: Json) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for feature in (anomaly.get("features") or {}).get("features") or ():
        weight = math.copysign(float(feature.get("share") or 0.0), float(feature.get("deviation") or 0.0))
        weights[feature["name"]] = weights.get(feature["name"], 0.0) + weight
        match = NUMBER.match(feature["name"])
        if match:
            for step in range(1, NEAR_BINS + 1):
                for number in (int(match[2]) - step, int(match[2]) + step):
                    near = f"{match[1]}{number}"
                    weights[near] = weights.get(near, 0.0) + weight / 2**step
    return weights


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    lengths = math.sqrt(sum(w * w for w in one.values()) * sum(w * w for w in other.values()))
    return sum(weight * other.get(name, 0.0) for name, weight in one.items()) / lengths if lengths else 0.0


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
