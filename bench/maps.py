"""The map compared with its alternatives: UMAP, t-SNE (openTSNE), metric MDS and PCA (scikit-learn).

`python -m bench.maps [--rows 2000 8000] [--new 2000] [--repeats 3]`, in the environment of `make bench`.
Every method maps the same generated spectra (rows x 1,024) in one process, after a small run for just-in-time
compilation. Then it places new spectra, if it can. Times are wall and processor seconds, the best of the
repeats (one repeat for slow alternatives); `x UMAP` is the speedup over UMAP's fit and transform. Compare
processor times on a machine with other load. Quality is measured on 2,000 of the rows.
"""

import argparse
import importlib.util
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.data import BINS, Floats, spectra
from services.analysis.engine import EngineConfig, fit_baseline
from services.analysis.engine.map.distances import squared_distances
from services.analysis.engine.map.mapping import map_samples
from services.analysis.engine.map.quality import trustworthiness
from services.analysis.engine.scaling import learn_scaling

EXTRA = ("umap", "openTSNE", "sklearn")
JUDGED_ROWS = 2000
MAX_MDS_ROWS = 2000
WARM_UP_ROWS = 300

WIDTH = 130
"""Characters of a printed line."""

NAMES = [f"f_{number}" for number in range(BINS)]

Place = Callable[[Floats], Floats]
Fit = Callable[[Floats], tuple[Floats, Place | None]]


@dataclass(frozen=True)
class Timed:
    """Wall and processor seconds."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} ({self.processor:.2f})"


def timed(work: Callable[[], Any]) -> tuple[Any, Timed]:
    """The result of the work, and its duration."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, Timed(time.perf_counter() - wall, time.process_time() - processor)


def dinsight(config: EngineConfig) -> Fit:
    """The map of the engine alone, comparable to the other methods."""

    def fit(x: Floats) -> tuple[Floats, Place]:
        scaling = learn_scaling(x, config, NAMES)
        _, reference, _, coordinates = map_samples(x, x, scaling, config, lambda _: None)
        return coordinates, lambda new: reference.place(scaling.apply(new)).coordinates

    return fit


def dinsight_whole(x: Floats) -> tuple[Floats, Place]:
    """A whole baseline with the defaults: map, detector, threshold, readiness. Placing includes scoring."""
    model = fit_baseline(x, EngineConfig(), feature_names=NAMES)

    def place(new: Floats) -> Floats:
        scores = model.score(new)
        return np.stack([scores.x, scores.y], axis=1)

    return model.coordinates, place


def pca(x: Floats) -> tuple[Floats, Place]:
    """Principal components."""
    from sklearn.decomposition import PCA

    fitted = PCA(2, random_state=0).fit(x)
    return fitted.transform(x), fitted.transform


def umap(x: Floats) -> tuple[Floats, Place]:
    """UMAP with its defaults on all cores."""
    from umap import UMAP

    fitted = UMAP().fit(x)
    return fitted.embedding_, fitted.transform


def tsne(x: Floats) -> tuple[Floats, Place]:
    """t-SNE with openTSNE's defaults on all cores."""
    from openTSNE import TSNE

    fitted = TSNE(n_jobs=-1, random_state=0).fit(x)
    return np.asarray(fitted), lambda new: np.asarray(fitted.transform(new))


def mds(x: Floats) -> tuple[Floats, None]:
    """Metric MDS from the classical solution; it cannot place new samples."""
    from sklearn.manifold import MDS

    return MDS(2, n_init=1, init="classical_mds", random_state=0).fit_transform(x), None


METHODS: dict[str, Fit] = {
    "DInsight (adam, the default)": dinsight(EngineConfig()),
    "DInsight (lbfgs)": dinsight(replace(EngineConfig(), optimizer="lbfgs")),
    "DInsight, whole baseline": dinsight_whole,
    "PCA": pca,
    "metric MDS": mds,
    "UMAP": umap,
    "openTSNE": tsne,
}


SLOW = (mds, umap, tsne)


def stress(distances: Floats, on_map: Floats) -> tuple[float, float]:
    """Kruskal's (1964) stress-1 of pair distances: with a monotone fit, and with one factor for all."""
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(distances, kind="stable")
    rising = np.asarray(on_map[order], dtype=np.float64)
    monotone = np.sqrt(((rising - isotonic_regression(rising)) ** 2).sum() / (rising**2).sum())
    factor = (distances @ on_map) / (on_map @ on_map)
    metric = np.sqrt(((distances - factor * on_map) ** 2).sum() / (distances @ distances))
    return float(monotone), float(metric)


@dataclass(frozen=True)
class Result:
    """The results of one method."""

    name: str
    fitting: Timed
    placing: Timed | None
    quality: tuple[float, float, float]


def best_of(repeats: int, work: Callable[[], Any]) -> tuple[Any, Timed]:
    """The last result and the shortest time, because disturbances only ever lengthen a run."""
    runs = [timed(work) for _ in range(repeats)]
    return runs[-1][0], min((taken for _, taken in runs), key=lambda taken: taken.wall)


def judge(fit: Fit, name: str, x: Floats, new: Floats, repeats: int) -> Result:
    """Fit and place with one method."""
    repeats = 1 if fit in SLOW else repeats
    (coordinates, place), fitting = best_of(repeats, partial(fit, x))
    placing = best_of(repeats, partial(place, new))[1] if place is not None else None
    judged = np.sort(np.random.default_rng(0).choice(len(x), min(len(x), JUDGED_ROWS), replace=False))
    squares = squared_distances(x[judged], x[judged])
    upper = np.triu_indices(judged.size, 1)
    p = np.ascontiguousarray(coordinates[judged], dtype=np.float64)
    stresses = stress(np.sqrt(squares[upper]), np.sqrt(squared_distances(p, p)[upper]))
    return Result(name, fitting, placing, (*stresses, trustworthiness(squares, p)))


def compare(methods: dict[str, Fit], rows: int, new_rows: int, repeats: int, console: Console) -> None:
    """Print the table for one number of rows."""
    x, new = spectra(rows), spectra(new_rows, seed=2)
    results = [
        judge(fit, name, x, new, repeats)
        for name, fit in methods.items()
        if fit is not mds or rows <= MAX_MDS_ROWS
    ]
    rival = next((result for result in results if result.name == "UMAP"), None)
    table = Table(title=f"{rows:,} x {BINS:,}, then {new_rows:,} new; seconds wall (processor)")
    headings = ("method", "fit", "x UMAP", "place new", "x UMAP", "stress-1", "with one factor", "trust")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for result in results:
        table.add_row(
            result.name,
            str(result.fitting),
            _times(rival.fitting if rival else None, result.fitting),
            str(result.placing or "-"),
            _times(rival.placing if rival else None, result.placing),
            *(f"{value:.3f}" for value in result.quality[:2]),
            f"{result.quality[2]:.4f}",
        )
    console.print(table)


def _times(rival: Timed | None, mine: Timed | None) -> str:
    if not rival or not mine:
        return "-"
    return f"{rival.wall / mine.wall:.1f} ({rival.processor / mine.processor:.1f})"


def main() -> None:
    """Print a table for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 8000])
    parser.add_argument("--new", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--methods", nargs="+", default=[""], help="parts of the methods' names (default: all)"
    )
    arguments = parser.parse_args()
    missing = [package for package in EXTRA if importlib.util.find_spec(package) is None]
    if missing:
        raise SystemExit(f"{', '.join(missing)} missing: `make ready-bench` puts them into .venv-bench")
    console = Console(width=WIDTH)
    chosen = {name: fit for name, fit in METHODS.items() if any(part in name for part in arguments.methods)}
    for fit in chosen.values():
        _, place = fit(spectra(WARM_UP_ROWS))
        if place is not None:
            place(spectra(WARM_UP_ROWS, seed=2))
    for rows in arguments.rows:
        compare(chosen, rows, arguments.new, arguments.repeats, console)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.print(f"peak memory of the process: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
