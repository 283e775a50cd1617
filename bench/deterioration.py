"""Engines that run to failure (C-MAPSS): wear, trends beside rivals, forecasts, and when the health turns.

`python -m bench.deterioration [--data FOLDER]`. FD001 has one flight regime, FD002 six. The first cycles of
each engine are its baseline. The rest arrives in files of 20 cycles, and the health is assessed file by file,
as in operation. Even and odd units apart show how much a figure depends on the engines.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.data import DATA, TURBOFAN, Floats
from bench.health import health
from bench.turbofan import (
    FILE_CYCLES,
    SETS,
    Life,
    lives,
    of_distance,
    of_hotelling,
    of_map,
    of_raw_distance,
)
from services.analysis.engine import deterioration
from services.analysis.engine.verdict.forecast import Forecast, forecast, reached
from services.analysis.engine.verdict.trend import Series, Slope, slope_of

SHUFFLES = 10
SEED = 0
NOISE_DRAWS = 300
NOISE_POINTS = (25, 100, 200)
WIDTH = 130


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


def noise(console: Console) -> None:
    """Print how often a rising trend is found in noise of which successive points are correlated by r."""
    table = Table(title=f"False rising trends in autocorrelated noise of {NOISE_POINTS} points")
    for heading in ("r", "DInsight", "Mann-Kendall of independent points"):
        table.add_column(heading, justify="right")
    generator = np.random.default_rng(SEED)
    for r in (0.0, 0.3, 0.6, 0.8, 0.9):
        cells: dict[str, list[str]] = {"ours": [], "plain": []}
        for points in NOISE_POINTS:
            drawn = [autocorrelated(points, r, generator) for _ in range(NOISE_DRAWS)]
            cells["ours"].append(f"{np.mean([rising(series, slope_of) for series in drawn]):.1%}")
            cells["plain"].append(f"{np.mean([rising(series, plain_test) for series in drawn]):.1%}")
        table.add_row(f"{r}", *(", ".join(shares) for shares in cells.values()))
    console.print(table)


def autocorrelated(points: int, r: float, generator: np.random.Generator) -> Series:
    wear: Floats = generator.standard_normal(points)
    for place in range(1, points):
        wear[place] = r * wear[place - 1] + np.sqrt(1.0 - r * r) * wear[place]
    return Series(np.arange(float(points)), wear, np.zeros(points, dtype=np.intp))


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
    noise(console)
    forecasts(found, console)
    health(found, console)


if __name__ == "__main__":
    main()
