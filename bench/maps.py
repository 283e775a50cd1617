"""The map beside what one would use instead: UMAP, t-SNE (openTSNE), metric MDS and PCA (scikit-learn).

`python -m bench.maps [--rows 2000 8000] [--new 2000]`. Needs `pip install -e '.[bench]'`. Every method maps
the same made spectra (rows x 1,024) in one process, after a small run that compiles what it compiles; then,
where it can, it places new spectra. Wall and processor seconds; quality is judged on 2,000 of the rows.
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
from services.analysis.engine.distances import squared_distances
from services.analysis.engine.mapping import map_samples
from services.analysis.engine.quality import trustworthiness
from services.analysis.engine.scaling import learn_scaling

EXTRA = ("umap", "openTSNE", "sklearn")
JUDGED_ROWS = 2000
MOST_MDS_ROWS = 2000
WARM_UP_ROWS = 300

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
    """What the work returns, and what it took."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, Timed(time.perf_counter() - wall, time.process_time() - processor)


def dinsight(config: EngineConfig) -> Fit:
    """The engine's map alone, as the others make one."""

    def fit(x: Floats) -> tuple[Floats, Place]:
        scaling = learn_scaling(x, config, NAMES)
        _, reference, coordinates = map_samples(x, scaling, config, lambda _: None)
        return coordinates, lambda new: reference.place(scaling.apply(new)).coordinates

    return fit


def dinsight_whole(x: Floats) -> tuple[Floats, Place]:
    """A whole baseline with the defaults: map, detector, threshold, readiness; placing includes judging."""
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


def stress(distances: Floats, on_map: Floats) -> tuple[float, float]:
    """Kruskal's (1964) stress-1 of pair distances: with a monotone fit, and with one factor for all."""
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(distances, kind="stable")
    rising = np.asarray(on_map[order], dtype=np.float64)
    monotone = np.sqrt(((rising - isotonic_regression(rising)) ** 2).sum() / (rising**2).sum())
    factor = (distances @ on_map) / (on_map @ on_map)
    metric = np.sqrt(((distances - factor * on_map) ** 2).sum() / (distances @ distances))
    return float(monotone), float(metric)


def compare(methods: dict[str, Fit], rows: int, new_rows: int, console: Console) -> None:
    """Print one table for so many rows."""
    x, new = spectra(rows), spectra(new_rows, seed=2)
    judged = np.sort(np.random.default_rng(0).choice(rows, min(rows, JUDGED_ROWS), replace=False))
    squares = squared_distances(x[judged], x[judged])
    upper = np.triu_indices(judged.size, 1)
    title = f"{rows:,} x {BINS:,}, then {new_rows:,} new; seconds wall (processor)"
    table = Table(title=title)
    for heading in ("method", "fit", "place new", "stress-1", "with one factor", "trustworthiness"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, fit in methods.items():
        if fit is mds and rows > MOST_MDS_ROWS:
            continue
        (coordinates, place), fitting = timed(partial(fit, x))
        placing = timed(partial(place, new))[1] if place is not None else None
        p = np.ascontiguousarray(coordinates[judged], dtype=np.float64)
        monotone, metric = stress(np.sqrt(squares[upper]), np.sqrt(squared_distances(p, p)[upper]))
        figures = (f"{monotone:.3f}", f"{metric:.3f}", f"{trustworthiness(squares, p):.4f}")
        table.add_row(name, str(fitting), str(placing) if placing else "-", *figures)
    console.print(table)


def main() -> None:
    """Print a table per number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 8000])
    parser.add_argument("--new", type=int, default=2000)
    parser.add_argument(
        "--methods", nargs="+", default=[""], help="parts of the methods' names (default: all)"
    )
    arguments = parser.parse_args()
    missing = [package for package in EXTRA if importlib.util.find_spec(package) is None]
    if missing:
        raise SystemExit(f"{', '.join(missing)} missing: install them with  pip install -e '.[bench]'")
    console = Console()
    chosen = {name: fit for name, fit in METHODS.items() if any(part in name for part in arguments.methods)}
    for fit in chosen.values():
        _, place = fit(spectra(WARM_UP_ROWS))
        if place is not None:
            place(spectra(WARM_UP_ROWS, seed=2))
    for rows in arguments.rows:
        compare(chosen, rows, arguments.new, console)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.print(f"peak memory of the process: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
