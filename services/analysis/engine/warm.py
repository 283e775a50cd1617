"""Compiles every compiled loop once and keeps the machine code: `python -m services.analysis.engine.warm`.

Otherwise the first fit after a start would wait for the compiler. The loops are run through the engine
itself, on generated data, so that they are compiled for the types that it uses. Numba keeps the code in the
folder NUMBA_CACHE_DIR if that is set, else beside the module's file, else in the user's own cache.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from .baseline import fit_baseline
from .config import OPTIMIZERS, EngineConfig

SENSORS, BINS = 6, 40
"""A few sensors, and enough bins for a spectrum with bands."""

ALL_AT_ONCE, LANDMARKS = 60, 50
"""Samples of a map, and the landmarks of one that is reduced to them."""


def warm() -> float:
    """Run every compiled loop; return the seconds it took."""
    began = time.perf_counter()
    generator = np.random.default_rng(0)
    for width, stem in ((SENSORS, "sensor"), (BINS, "f")):
        names = [f"{stem}_{place}" for place in range(width)]
        samples = generator.standard_normal((ALL_AT_ONCE, width))
        for optimizer in OPTIMIZERS:
            config = EngineConfig(optimizer=optimizer, imax=3, landmarks=LANDMARKS)
            model = fit_baseline(samples, config, feature_names=names)
        later = samples + 10.0
        later[0, 0] = np.nan
        model.score(later)
        model.explain(later)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.stdout.write(f"compiled in {warm():.1f} s\n")
