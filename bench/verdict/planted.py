"""Planted faults: what a plant's data do to a verdict, with the truth known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.data import Floats
from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline

SENSORS, FACTORS = 12, 3
BASELINE, MONITORED, FAULTY = 400, 200, 50
RUNS = 20
BINS = 1024


@dataclass(frozen=True)
class Suite:
    """`found`: the share of faulty samples that alarm; `false_alarms`: that of the others.

    `named`: the share of explained samples whose leading features are the planted ones; NaN without any.
    """

    name: str
    found: float
    false_alarms: float
    named: float


def plant(rows: int, generator: np.random.Generator, sensors: int = SENSORS) -> Floats:
    """Samples (rows, sensors) of a plant whose sensors share three factors."""
    gains = np.random.default_rng(100).normal(size=(FACTORS, sensors))
    return (
        50.0 + generator.normal(size=(rows, FACTORS)) @ gains + 0.5 * generator.normal(size=(rows, sensors))
    )


def suites(runs: int = RUNS) -> Iterator[Suite]:
    """Every suite with the engine's defaults, over `runs` seeds."""
    for size in (3.0, 5.0):
        for count, words in ((1, "one sensor"), (2, "two sensors"), (3, "three sensors")):
            yield _suite(f"{words} at {size:g} sd", runs, shift(count, size))
        yield _suite(f"three sensors at {size:g} sd, up and down", runs, shift(3, size, signs=True))
    for value in (-9999.0, 0.0, 1e6):
        for count in (1, 4, 20):
            words = f"baseline with {value:g} in {count} of {BASELINE} samples, one sensor at 12"
            yield _suite(words, runs, bad_cells(value, count))
    yield _suite("dead sensor (stuck at its last value)", runs, dead)
    for learnt, monitored in ((0.0, 0.1), (0.0, 0.3), (0.2, 0.2)):
        shares = f"{learnt:.0%} of the baseline, {monitored:.0%} of the samples"
        yield _suite(f"missing cells ({shares}), one sensor at 5 sd", runs, missing(learnt, monitored, 1))
        yield _suite(
            f"sensors out for 40 samples ({shares}), one at 5 sd", runs, missing(learnt, monitored, 40)
        )
    yield _suite("three of twelve sensors gone, another at 5 sd", runs, gone)
    yield _suite("constant in the baseline moves", runs, constant)
    yield _suite("resolution 0.01 becomes 0.1 (normal)", runs, coarser)
    yield _suite("a regime that the baseline has not seen", runs, regime)
    yield _suite("slow drift, 5 sd at the end", runs, drift)
    for driven in (False, True):
        words = "drives others" if driven else "stands alone"
        yield _suite(f"an ambient temperature that rises on and {words}", runs, season(driven))
    for size in (5.0, 8.0, 12.0):
        yield _suite(f"one bin of {BINS:,} at {size:g} sd", min(runs, 5), narrow(size))


@dataclass(frozen=True)
class Planted:
    baseline: Floats
    monitored: Floats
    first_faulty: int
    causes: tuple[int, ...] = ()


Make = Callable[[np.random.Generator], Planted]


def _suite(name: str, runs: int, make: Make) -> Suite:
    found, alarms, named = [], [], []
    for seed in range(runs):
        planted = make(np.random.default_rng([seed, len(name)]))
        names = [f"s {place}" for place in range(planted.baseline.shape[1])]
        model = fit_baseline(planted.baseline, EngineConfig(), feature_names=names)
        anomaly = model.score(planted.monitored).anomaly
        found.append(
            anomaly[planted.first_faulty :].mean() if planted.first_faulty < len(anomaly) else np.nan
        )
        alarms.append(anomaly[: planted.first_faulty].mean())
        named.append(_named(model, planted))
    return Suite(name, float(np.mean(found)), float(np.mean(alarms)), float(np.mean(named)))


def _named(model: BaselineModel, planted: Planted) -> float:
    if not planted.causes:
        return float("nan")
    wanted = {model.features[place] for place in planted.causes}
    explained = model.explain(planted.monitored[planted.first_faulty :])
    hits = [
        len(wanted & {share.name for share in sample.features[: len(wanted)]}) / len(wanted)
        for sample in explained
    ]
    return float(np.mean(hits))


def shift(count: int, size: float, *, signs: bool = False) -> Make:
    """`count` sensors move by `size` of their standard deviations, upwards or with random signs."""

    def make(generator: np.random.Generator) -> Planted:
        baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
        causes = generator.choice(SENSORS, count, replace=False)
        way = generator.choice([-1.0, 1.0], count) if signs else np.ones(count)
        monitored[-FAULTY:, causes] += way * size * baseline.std(axis=0)[causes]
        return Planted(baseline, monitored, MONITORED - FAULTY, tuple(causes.tolist()))

    return make


def bad_cells(value: float, count: int) -> Make:
    """A sensor's cells are a logger's mark; a fault of 12 units in that sensor must still be found."""

    def make(generator: np.random.Generator) -> Planted:
        baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
        baseline[generator.choice(BASELINE, count, replace=False), 2] = value
        monitored[-FAULTY:, 2] += 12.0
        return Planted(baseline, monitored, MONITORED - FAULTY, (2,))

    return make


def dead(generator: np.random.Generator) -> Planted:
    baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
    monitored[-FAULTY:, 4] = monitored[-FAULTY - 1, 4]
    return Planted(baseline, monitored, MONITORED - FAULTY, (4,))


def missing(learnt: float, share: float, length: int) -> Make:
    """These shares of the cells are missing, `length` samples at a time; that of the fault never is."""

    def make(generator: np.random.Generator) -> Planted:
        baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
        cause = int(generator.integers(SENSORS))
        monitored[-FAULTY:, cause] += 5.0 * baseline.std(axis=0)[cause]
        for x, part in ((baseline, learnt), (monitored, share)):
            gaps = np.repeat(generator.random((-(-len(x) // length), SENSORS)) < part, length, axis=0)
            gaps[-FAULTY:, cause] = False
            x[gaps[: len(x)]] = np.nan
        return Planted(baseline, monitored, MONITORED - FAULTY, (cause,))

    return make


def gone(generator: np.random.Generator) -> Planted:
    baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
    cause, *lost = generator.choice(SENSORS, 4, replace=False).tolist()
    monitored[-FAULTY:, cause] += 5.0 * baseline.std(axis=0)[cause]
    monitored[:, lost] = np.nan
    return Planted(baseline, monitored, MONITORED - FAULTY, (cause,))


def constant(generator: np.random.Generator) -> Planted:
    baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
    baseline[:, 5] = monitored[:, 5] = 5.0
    monitored[-FAULTY:, 5] = 500.0
    return Planted(baseline, monitored, MONITORED - FAULTY, (5,))


def coarser(generator: np.random.Generator) -> Planted:
    baseline, monitored = plant(BASELINE, generator).round(2), plant(MONITORED, generator).round(1)
    return Planted(baseline, monitored, MONITORED)


def regime(generator: np.random.Generator) -> Planted:
    baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
    load = np.repeat(generator.choice([0.0, 20.0], BASELINE // 10), 10)[:, None]
    direction = np.random.default_rng(7).normal(size=(1, SENSORS))
    baseline += load * direction
    monitored[-FAULTY:] += 10.0 * direction
    return Planted(baseline, monitored, MONITORED - FAULTY)


def drift(generator: np.random.Generator) -> Planted:
    baseline, monitored = plant(BASELINE, generator), plant(MONITORED, generator)
    monitored[-FAULTY:, 3] += np.linspace(0.0, 5.0, FAULTY) * baseline[:, 3].std()
    return Planted(baseline, monitored, MONITORED - FAULTY, (3,))


def season(driven: bool) -> Make:
    """A sensor rises through its range once in the baseline, and on afterwards; another one is faulty."""

    def make(generator: np.random.Generator) -> Planted:
        rows = BASELINE + 2 * MONITORED
        ambient = np.linspace(0.0, 6.0, rows) + 0.1 * generator.normal(size=rows)
        both = plant(rows, generator)
        if driven:
            both[:, :3] += 0.3 * ambient[:, None]
        both = np.column_stack([both, ambient])
        baseline, monitored = both[:BASELINE], both[BASELINE:]
        monitored[-FAULTY:, 4] += 5.0 * baseline[:, 4].std()
        return Planted(baseline, monitored, 2 * MONITORED - FAULTY, (4,))

    return make


def narrow(size: float) -> Make:
    """One bin of a smooth spectrum moves by `size` of its standard deviations."""

    def make(generator: np.random.Generator) -> Planted:
        both = spectrum(2 * BASELINE, generator)
        baseline, monitored = both[:BASELINE], both[BASELINE : BASELINE + MONITORED]
        place = int(generator.integers(BINS))
        monitored[-FAULTY:, place] += size * baseline[:, place].std()
        return Planted(baseline, monitored, MONITORED - FAULTY, (place,))

    return make


def spectrum(rows: int, generator: np.random.Generator) -> Floats:
    """Amplitudes (rows, BINS): a smooth shape, a common load, and noise that follows the shape."""
    bins = np.linspace(0.0, 1.0, BINS)
    shape = 0.05 + np.exp(-(((bins[:, None] - np.linspace(0.1, 0.9, 8)) / 0.01) ** 2)).sum(axis=1)
    load = generator.uniform(0.5, 1.5, (rows, 1))
    return np.asarray(shape * load * (1.0 + 0.1 * generator.standard_normal((rows, BINS))))
