"""Whether explanations name the sensors at fault: planted in real samples, and labelled by experts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import Floats
from bench.verdict.sets import Case
from services.analysis.engine import BaselineModel, EngineConfig, SequenceState, fit_baseline

PLANTED, SIZE = 150, 5.0
LEADING = 3
# Enough of each event; a long one must not outweigh the others.
PER_EVENT = 50


@dataclass(frozen=True)
class Hits:
    """Shares of the leading features that are right: those of explanations, and those of the largest |z|."""

    name: str
    samples: int
    explained: float
    largest: float


def hits(case: Case, folder: Path) -> Iterator[Hits]:
    """One to three sensors planted in normal samples of a set, and its labelled causes, if they are there."""
    model = fit_baseline(case.baseline, EngineConfig(imax=1), feature_names=case.features)
    scores = model.score(case.monitored)
    live = np.flatnonzero(~model.scaling.dropped & ~model.scaling.context)
    normal = case.monitored[case.before_faults]
    generator = np.random.default_rng(0)
    for count in (1, 2, LEADING):
        if len(normal) < PLANTED or live.size < 2 * LEADING:
            break
        samples = normal[generator.choice(len(normal), PLANTED, replace=False)].copy()
        causes = [generator.choice(live, count, replace=False).tolist() for _ in samples]
        for sample, places in zip(samples, causes, strict=True):
            sample[places] += generator.choice([-SIZE, SIZE], count) * model.std[places]
        yield _hits(f"{case.name}: {count} at {SIZE:g} sd", model, samples, causes, scores.state)
    labelled = list(_labelled(case, folder))
    if labelled:
        alarmed = model.score(case.monitored).anomaly
        chosen = [(row, places) for start, stop, places in labelled for row in _alarmed(alarmed, start, stop)]
        rows, causes = [row for row, _ in chosen], [places for _, places in chosen]
        yield _hits(
            f"{case.name}: labelled causes of alarms", model, case.monitored[rows], causes, scores.state
        )


def _alarmed(alarmed: NDArray[np.bool_], start: int, stop: int) -> list[int]:
    found: list[int] = (start + np.flatnonzero(alarmed[start:stop])[:PER_EVENT]).tolist()
    return found


def _labelled(case: Case, folder: Path) -> Iterator[tuple[int, int, list[int]]]:
    """The events of a set with their causes, as OmniAnomaly publishes them (Su and others 2019).

    `<set>-causes.txt` is a file of its folder interpretation_label, with lines like `246-252:1,2,9`. It is
    not among the reference data; without it, the labelled causes are left out.
    """
    path = folder / f"{case.name}-causes.txt"
    for line in path.read_text().split() if path.is_file() else ():
        span, _, places = line.partition(":")
        start, stop = map(int, span.split("-"))
        if stop <= len(case.monitored):
            yield start, stop, [int(place) - 1 for place in places.split(",")]


def _hits(
    name: str, model: BaselineModel, samples: Floats, causes: Sequence[Sequence[int]], state: SequenceState
) -> Hits:
    explanations = model.explain(samples, state=state)
    named = [[share.name for share in explanation.features] for explanation in explanations]
    explained = [[model.features.index(feature) for feature in features] for features in named]
    deviations = np.abs(model.scaling.standardise(samples))
    largest = np.argsort(-deviations, axis=1, kind="stable").tolist()
    return Hits(name, len(samples), _right(explained, causes), _right(largest, causes))


def _right(ranked: Iterable[Sequence[int]], causes: Iterable[Sequence[int]]) -> float:
    shares = []
    for features, places in zip(ranked, causes, strict=True):
        wanted = min(LEADING, len(places))
        shares.append(len(set(features[:wanted]) & set(places)) / wanted)
    return float(np.mean(shares)) if shares else float("nan")
