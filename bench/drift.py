"""Drift after the baseline: false proposals on healthy data, delay, and error of the onset.

python -m bench.drift
"""

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from bench.data import DATA, Floats
from bench.verdict.sets import cases
from services.analysis.engine import BaselineModel, Drift, EngineConfig, assess_drift, fit_baseline
from services.analysis.engine.verdict.levels import Levels, drift_levels, join_levels, standardise
from services.analysis.engine.verdict.settings import held_out

# As uploads come: some a day, each a part of what is monitored.
RUN = 200
SEEDS = 20
BASELINE, MONITORED, FEATURES = 500, 2000, 20
ONSET = 800
MEMORIES = (0.0, 0.8)


def history(model: BaselineModel, monitored: Floats) -> tuple[Levels, Levels]:
    own = held_out(model)
    reference = drift_levels(np.arange(own.size), standardise(own, own))
    parts = []
    for start in range(0, len(monitored), RUN):
        rows = monitored[start : start + RUN]
        at = np.arange(start, start + len(rows))
        parts.append(drift_levels(at, standardise(model.score(rows).distance, own)))
    return join_levels(parts), reference


def until(found: Levels, sample: int) -> Levels:
    seen = found.at < sample
    return Levels(found.at[seen], found.samples[seen], found.level[seen], found.spread[seen])


def fitted(baseline: Floats) -> BaselineModel:
    """The verdict does not depend on the map, which may be rough."""
    names = [f"f_{i}" for i in range(baseline.shape[1])]
    return fit_baseline(baseline, EngineConfig(imax=5, landmarks=50), feature_names=names)


def normal(seed: int, memory: float) -> Floats:
    """Samples of correlated features, each of which remembers the sample before it."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((BASELINE + MONITORED, FEATURES))
    for row in range(1, len(noise)):
        noise[row] = memory * noise[row - 1] + np.sqrt(1.0 - memory**2) * noise[row]
    mixing = np.eye(FEATURES) + 0.2 * generator.standard_normal((FEATURES, FEATURES)) / np.sqrt(FEATURES)
    return np.asarray(noise @ mixing)


def nothing(x: Floats) -> None:
    """The machine stays as it is."""


def step(x: Floats) -> None:
    x[ONSET:, :3] += 3.0


def small_step(x: Floats) -> None:
    x[ONSET:, 0] += 3.0


def slow(x: Floats) -> None:
    x[:, :3] += 6.0 * np.clip((np.arange(len(x)) - ONSET) / (len(x) - ONSET), 0.0, 1.0)[:, None]


def ramp_then_steady(x: Floats) -> None:
    x[:, :3] += 4.0 * np.clip((np.arange(len(x)) - ONSET) / 400.0, 0.0, 1.0)[:, None]


def off_and_back(x: Floats) -> None:
    x[ONSET : ONSET + 500, :3] += 4.0


def restless(x: Floats) -> None:
    after = np.arange(len(x) - ONSET)
    x[ONSET:, :3] += (4.0 + 4.0 * np.sin(after / 60.0))[:, None]


PLANTED: tuple[tuple[Callable[[Floats], None], str], ...] = (
    (nothing, "none"),
    (step, "settled"),
    (small_step, "settled"),
    (slow, "moving"),
    (ramp_then_steady, "settled"),
    (off_and_back, "none"),
    (restless, "off"),
)


def planted() -> Iterator[str]:
    models = {
        (seed, memory): fitted(normal(seed, memory)[:BASELINE])
        for seed in range(SEEDS)
        for memory in MEMORIES
    }
    yield "planted            memory  expected  states                    onset error (range)  covered  delay"
    for memory in MEMORIES:
        for change, expected in PLANTED:
            states: dict[str, int] = {}
            errors, delays, covered = [], [], []
            for seed in range(SEEDS):
                x = normal(seed, memory)
                change(x[BASELINE:])
                found, own = history(models[seed, memory], x[BASELINE:])
                drift = assess_drift(found, own)
                states[drift.state] = states.get(drift.state, 0) + 1
                if drift.onset is not None and drift.earliest is not None and drift.latest is not None:
                    errors.append(drift.onset - ONSET)
                    covered.append(drift.earliest <= ONSET <= drift.latest)
                    delays.append(_delay(found, own))
            told = ", ".join(f"{name} {count}" for name, count in sorted(states.items()))
            error = f"{np.median(errors):+.0f} ({np.ptp(errors):.0f})" if errors else "-"
            hit = f"{np.mean(covered):.0%}" if covered else "-"
            delay = f"{np.median(delays):.0f}" if delays else "-"
            yield f"{change.__name__:<18} {memory:>6} {expected:>9}  {told:<26} {error:>19} {hit:>8} {delay}"


def _delay(found: Levels, own: Levels) -> int:
    """Samples after the onset until a change is first told."""
    for sample in range(ONSET + RUN, MONITORED + 1, RUN):
        if assess_drift(until(found, sample), own).onset is not None:
            return sample - ONSET
    return MONITORED - ONSET


def real() -> Iterator[str]:
    yield f"{'set':<26} {'samples':>8} {'healthy part':<34} {'everything':<60}"
    for case in cases(DATA):
        model = fitted(case.baseline)
        found, own = history(model, case.monitored)
        normal_until = int(np.argmax(case.faulty)) if case.faulty.any() else len(case.monitored)
        before = assess_drift(until(found, normal_until), own)
        after = assess_drift(found, own)
        yield (
            f"{case.name:<26} {len(case.monitored):>8} {_told(before):<34} {_told(after)}"
            + (f" fault at {normal_until}" if case.faulty.any() else "")
        )


def _told(drift: Drift) -> str:
    if drift.onset is None or drift.shift is None:
        return drift.state
    return f"{drift.state} {drift.onset} [{drift.earliest}, {drift.latest}] {drift.shift:+.1f}"


def cost() -> str:
    generator = np.random.default_rng(0)
    runs = 2000 * 64
    long = Levels(np.arange(runs), np.full(runs, 8), generator.standard_normal(runs), np.ones(runs))
    long.level[runs // 2 :] += 3.0
    began = time.perf_counter()
    drift = assess_drift(
        long, Levels(np.arange(64), np.full(64, 8), generator.standard_normal(64), np.ones(64))
    )
    return f"2,000 runs ({runs:,} points): {1e3 * (time.perf_counter() - began):.0f} ms, {_told(drift)}"


def main() -> None:
    for line in planted():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.stdout.write(cost() + "\n")
    if not DATA.is_dir():
        sys.stdout.write("the reference data sets are not here\n")
        return
    for line in real():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
