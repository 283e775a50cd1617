"""Says what a step of a block found. Pure."""

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.alerting.alerts.domain import Finding
from services.alerting.rules.signals import HEALTH_STATES, Severity, Source
from services.alerting.series.domain import Block, moment

# Enough to recognise the fault; the anomaly holds the full explanation.
MAX_FEATURES_SHOWN = 3
MAX_FEATURES_KEPT = 10


def describe(block: Block, places: NDArray[np.intp], machine_id: UUID) -> Finding:
    """The finding of the worst of these steps: the farthest from normal, or else the newest."""
    if block.source is not Source.SAMPLES:
        place = int(places[-1])
        text = block.error if block.source is Source.FAILURE else _run(block)
        return Finding(machine_id, moment(int(block.times[place])), text, analysis_id=block.analysis_id)
    ratios = np.nan_to_num(block.values["anomaly.distance_ratio"][places], nan=-1.0)
    place = int(places[np.argmax(ratios)])
    ratio = float(block.values["anomaly.distance_ratio"][place])
    return Finding(
        machine_id,
        moment(int(block.times[place])),
        _sample(block, place, ratio),
        anomaly_id=block.ids.get(place),
        analysis_id=block.analysis_of(place),
        distance_ratio=None if np.isnan(ratio) else ratio,
        features=_features(block, place),
    )


def _sample(block: Block, place: int, ratio: float) -> str:
    if np.isnan(ratio):
        return f"{block.values['quality.missing'][place]:.0%} of a sample's features are missing"
    severity = block.values["anomaly.severity"][place]
    kind = "normal sample" if np.isnan(severity) else f"{Severity(int(severity)).label} anomaly"
    shown = ", ".join(
        f"{feature['name']} ({feature['deviation']:+.1f} sd)"
        for feature in _features(block, place)[:MAX_FEATURES_SHOWN]
    )
    return f"{kind} at {ratio:.2f} times the threshold" + (f"; most deviating: {shown}" if shown else "")


def _features(block: Block, place: int) -> tuple[dict[str, str | float], ...]:
    found: list[dict[str, str | float]] = []
    for name, known in block.contributions.items():
        if place in known.steps:
            index = list(known.steps).index(place)
            found.append(
                {
                    "name": name,
                    "expected": known.expected[index],
                    "observed": known.observed[index],
                    "deviation": known.deviations[index],
                    "share": known.shares[index],
                }
            )
    found.sort(key=lambda feature: -float(feature["share"]))
    return tuple(found[:MAX_FEATURES_KEPT])


def _run(block: Block) -> str:
    count, fraction, samples, state = (
        float(block.values[name][0])
        for name in ("anomaly.count", "anomaly.fraction", "run.samples", "health.state")
    )
    return (
        f"{count:.0f} of {samples:.0f} samples outside normal ({fraction:.1%}),"
        f" health {HEALTH_STATES[int(state)]}"
    )
