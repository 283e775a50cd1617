"""Engines that run to failure (C-MAPSS): wear, trends beside rivals, forecasts, and when the health turns.

`python -m bench.deterioration [--data FOLDER]`. FD001 has one flight regime, FD002 six. The first cycles of
each engine are its baseline. The rest arrives in files of 20 cycles, and the health is assessed file by file,
as in operation. The parameters were chosen on engines of even numbers; the others confirm them.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.data import DATA, TURBOFAN, Floats, read
from services.analysis.engine import (
    STATES,
    BaselineModel,
    NormalRate,
    Run,
    assess_health,
    deterioration,
    fit_baseline,
    latest_wear,
)
from services.analysis.engine.verdict.forecast import Forecast, forecast, reached
from services.analysis.engine.verdict.health import chance_at_rate, chance_beside_baseline
from services.analysis.engine.verdict.regimes import wear_of
from services.analysis.engine.verdict.trend import Series, Slope, slope_of

SETS = {
    "FD001": ("turbofan-units-001-050.csv", 30),
    "FD002": ("turbofan-fd002-units-001-040.csv.gz", 30),
    "FD002, 60": ("turbofan-fd002-units-001-040.csv.gz", 60),
}
FILE_CYCLES = 20
MIN_CYCLES = 60
SHUFFLES = 10
SEED = 0
# A share of anomalies counted as evidence before if chance would produce it in fewer than one file in twenty.
CHANCE_BEFORE = 0.05
WIDTH = 130


@dataclass(frozen=True)
class Life:
    """An engine: its baseline, the cycles after it, and what the engine scored of them."""

    unit: int
    cycles: int
    baseline: Floats
    later: Floats
    model: BaselineModel
    places: Floats
    distances: Floats
    anomaly: NDArray[np.bool_]

    @property
    def order(self) -> Floats:
        return np.arange(self.cycles - len(self.later) + 1, self.cycles + 1, dtype=np.float64)


def lives(folder: Path, name: str, first: int) -> Iterator[Life]:
    chunk, names = read(folder, name, TURBOFAN)
    units = np.array([entry["unit"] for entry in chunk.metadata])
    for unit in np.unique(units):
        samples = chunk.features[units == unit]
        if len(samples) < first + MIN_CYCLES:
            continue
        model = fit_baseline(samples[:first], TURBOFAN, feature_names=names)
        scores = model.score(samples[first:])
        places = np.stack([scores.x, scores.y], axis=1)
        yield Life(
            int(unit),
            len(samples),
            samples[:first],
            samples[first:],
            model,
            places,
            scores.distance,
            scores.anomaly,
        )


# What the trend is tested of; one value per cycle, in any unit.
def of_distance(life: Life) -> Series:
    wear, regimes = wear_of(life.model.regimes(), life.places, life.distances)
    return Series(life.order, wear, regimes)


def one_regime(life: Life, wear: Floats) -> Series:
    return Series(life.order, wear, np.zeros(len(wear), dtype=np.intp))


def of_map(life: Life) -> Series:
    """The distance from the baseline's centre on the map, which wear was before."""
    return one_regime(life, np.linalg.norm(life.places - life.model.coordinates.mean(axis=0), axis=1))


def of_hotelling(life: Life) -> Series:
    """Hotelling's T2 with the 90 % of the variance, a standard of process monitoring."""
    mean, std = life.baseline.mean(axis=0), life.baseline.std(axis=0)
    used = std > 1e-12
    z = (life.baseline[:, used] - mean[used]) / std[used]
    _, values, axes = np.linalg.svd(z, full_matrices=False)
    share = np.cumsum(values**2) / (values**2).sum()
    kept = int(np.searchsorted(share, 0.9)) + 1
    scores = (life.later[:, used] - mean[used]) / std[used] @ axes[:kept].T
    return one_regime(life, (scores**2 / (values[:kept] ** 2 / len(z))).sum(axis=1))


def of_raw_distance(life: Life) -> Series:
    return one_regime(life, life.distances)


def plain_test(series: Series) -> Slope:
    """Sen's slope and the Mann-Kendall test of independent samples, as libraries have them."""
    from scipy.stats import kendalltau, theilslopes

    fitted = theilslopes(series.wear, series.positions)
    found = kendalltau(series.positions, series.wear)
    return Slope(fitted.slope, fitted.low_slope, fitted.high_slope, found.statistic, found.pvalue)


METHODS: dict[str, tuple[Callable[[Life], Series], Callable[[Series], Slope]]] = {
    "DInsight": (of_distance, slope_of),
    "one regime for all": (of_raw_distance, slope_of),
    "map (before)": (of_map, slope_of),
    "Hotelling T2, Mann-Kendall": (of_hotelling, plain_test),
}


def rising(series: Series, test: Callable[[Series], Slope]) -> bool:
    found = test(series)
    return found.significant and found.value > 0.0


def trends(found: dict[str, list[Life]], console: Console) -> None:
    """Print for how many engines a rising trend is significant, and how often it is in shuffled cycles."""
    table = Table(title="Significant rising trends, over the life (even, odd units) / half of it / shuffled")
    table.add_column("wear")
    for name in found:
        table.add_column(name, justify="right")
    for method, (series_of, test) in METHODS.items():
        cells = []
        for engines in found.values():
            series = [series_of(life) for life in engines]
            whole = [rising(each, test) for each in series]
            halves = [
                np.mean([hit for hit, life in zip(whole, engines, strict=True) if life.unit % 2 == odd])
                for odd in (0, 1)
            ]
            half = np.mean([rising(each.first(len(each) // 2), test) for each in series])
            chance = np.mean([rising(shuffled, test) for each in series for shuffled in shuffles(each)])
            cells.append(
                f"{np.mean(whole):.0%} ({halves[0]:.0%}, {halves[1]:.0%}) / {half:.0%} / {chance:.1%}"
            )
        table.add_row(method, *cells)
    console.print(table)


def shuffles(series: Series) -> Iterator[Series]:
    generator = np.random.default_rng(SEED)
    for _ in range(SHUFFLES):
        order = generator.permutation(len(series))
        yield Series(series.positions, series.wear[order], series.regimes[order])


def straight(series: Series, level: float) -> Forecast:
    """The forecast before: Sen's line through all points, and the lines of its slope's interval."""
    from scipy.stats import theilslopes

    fitted = theilslopes(series.wear, series.positions)
    middle, rest = float(np.median(series.positions)), level - float(np.median(series.wear))
    at, first, last = (
        middle + rest / rate if rate > 0.0 else None
        for rate in (fitted.slope, fitted.high_slope, fitted.low_slope)
    )
    return Forecast(float(series.positions[-1]), at, first, last)


def ours(series: Series, level: float) -> Forecast:
    return forecast(series, slope_of(series), level)


def forecasts(found: dict[str, list[Life]], console: Console) -> None:
    """Print how forecasts compare with what happened: one per file while the trend is significant."""
    table = Table(title="Forecasts of when the wear reaches the failing level, after each file")
    names = ("set, units", "forecast", "made", "within", "before it", "after it", "open end")
    figures = ("error", "|error|", "width (medians, cycles)")
    for heading in (*names, *figures):
        table.add_column(heading, justify="left" if heading in names[:2] else "right")
    for name, engines in found.items():
        for odd, units in enumerate(("even", "odd")):
            some = [life for life in engines if life.unit % 2 == odd]
            for method, predict in (("DInsight", ours), ("straight line (before)", straight)):
                table.add_row(f"{name}, {units}", method, *_scored(some, predict))
    console.print(table)


def _scored(engines: Sequence[Life], predict: Callable[[Series, float], Forecast]) -> list[str]:
    before = after = made = still_open = 0
    errors, widths = [], []
    level = TURBOFAN.failing_wear
    for life in engines:
        series = of_distance(life)
        end = reached(series, level)
        crossed = np.inf if end is None else float(series.positions[end - 1])
        for points in range(FILE_CYCLES, len(series), FILE_CYCLES):
            known = series.first(points)
            if points >= (end or np.inf) or not rising(known, slope_of):
                continue
            said = predict(known, level)
            latest = np.inf if said.latest is None else said.latest
            if end is None and latest >= series.positions[-1]:
                continue  # it may still come true
            made += 1
            after += crossed > latest
            before += crossed < (np.inf if said.earliest is None else said.earliest)
            still_open += said.latest is None
            if end is not None and said.crossing is not None:
                errors.append(said.crossing - crossed)
            if said.latest is not None and said.earliest is not None:
                widths.append(said.latest - said.earliest)
    within = f"{1.0 - (before + after) / max(1, made):.0%}"
    medians = [np.median(some) for some in (errors, np.abs(errors), widths)]
    return [str(made), within, str(before), str(after), str(still_open), *(f"{each:.0f}" for each in medians)]


def health(found: dict[str, list[Life]], console: Console) -> None:
    """Print when the health turns: by the machine's history, and as before by each file alone."""
    table = Table(title="Health, file by file")
    names = ("set", "judged by", "turned in time", "in the first half", "falls back")
    for heading in (*names, "cycles left when turned", "when failing"):
        table.add_column(heading, justify="left" if heading in names[:2] else "right")
    for name, engines in found.items():
        for method, states_of in (("the history", by_history), ("each file alone (before)", by_file)):
            turned, failing, early, falls = [], [], 0, 0
            for life in engines:
                states = list(states_of(life))
                falls += sum(later < sooner for (_, sooner), (_, later) in pairwise(states))
                first = next((at for at, state in states if state > 0), None)
                if first is not None:
                    turned.append(life.cycles - first)
                    early += first <= 0.5 * life.cycles
                failing += [life.cycles - at for at, state in states if state > 1][:1]
            table.add_row(
                name,
                method,
                f"{sum(left > 0 for left in turned)} of {len(engines)}",
                str(early),
                str(falls),
                f"median {np.median(turned):.0f}, most {max(turned)}",
                f"median {np.median(failing):.0f} ({len(failing)})",
            )
    console.print(table)


def by_history(life: Life) -> Iterator[tuple[int, int]]:
    """The last cycle of each file, and the state (0 to 2) after it."""
    report, regimes = life.model.report, life.model.regimes()
    normal = NormalRate(report.expected_false_alarms, report.effective_samples)
    runs: list[Run] = []
    for rows in _files(life):
        wear = latest_wear(life.places[rows], life.distances[rows], regimes)
        runs.append(Run(len(life.order[rows]), int(life.anomaly[rows].sum()), wear))
        yield int(life.order[rows][-1]), STATES.index(assess_health(runs, TURBOFAN, normal=normal).state)


def by_file(life: Life) -> Iterator[tuple[int, int]]:
    """The same by the rules before: chance explains one file in twenty, and wear is measured on the map."""
    report = life.model.report
    normal = NormalRate(report.expected_false_alarms, report.effective_samples)
    centred = life.model.coordinates - life.model.coordinates.mean(axis=0)
    spread = np.sqrt((centred**2).sum() / (len(centred) - 1))
    for rows in _files(life):
        samples, hits = len(life.order[rows]), int(life.anomaly[rows].sum())
        level = _level(hits / samples, TURBOFAN.deteriorating_fraction, TURBOFAN.failing_fraction)
        if chance_beside_baseline(hits, samples, normal) >= CHANCE_BEFORE:
            level = 0
        elif chance_at_rate(hits, samples, TURBOFAN.deteriorating_fraction) >= CHANCE_BEFORE:
            level = min(level, 1)
        wear = float(np.median(of_map(life).wear[rows][-max(1, round(0.1 * samples)) :])) / spread
        of_wear = _level(wear, TURBOFAN.deteriorating_wear, TURBOFAN.failing_wear)
        yield int(life.order[rows][-1]), max(level, of_wear)


def _level(value: float, deteriorating: float, failing: float) -> int:
    return int(value >= deteriorating) + int(value >= failing)


def _files(life: Life) -> Iterator[slice]:
    return (slice(start, start + FILE_CYCLES) for start in range(0, len(life.later), FILE_CYCLES))


def regimes(found: dict[str, list[Life]], console: Console) -> None:
    """Print how many regimes are found in the baselines."""
    for name, engines in found.items():
        counts = np.bincount([len(life.model.regimes()) for life in engines])
        said = ", ".join(f"{number} in {count}" for number, count in enumerate(counts) if count)
        whole = [
            deterioration(
                life.order, life.places, life.distances, life.model.regimes(), failing=TURBOFAN.failing_wear
            )
            for life in engines
        ]
        first, last = (
            np.median([np.median(each.wear[part]) for each in whole])
            for part in (slice(0, 20), slice(-20, None))
        )
        console.print(
            f"{name}: regimes {said}; wear of the first 20 cycles {first:.1f}, of the last {last:.1f}"
        )


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the reference data sets")
    folder = parser.parse_args().data
    console = Console(width=WIDTH)
    if not folder.is_dir():
        console.print(f"No reference data in {folder}: name their folder with --data.")
        return
    found = {name: list(lives(folder, file, first)) for name, (file, first) in SETS.items()}
    regimes(found, console)
    trends(found, console)
    forecasts(found, console)
    health(found, console)


if __name__ == "__main__":
    main()
