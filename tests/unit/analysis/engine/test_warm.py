"""Compiling happens once: for the types that the engine uses, and kept for the next process."""

from __future__ import annotations

import json
import subprocess
import sys

WARMED = """
import json
from numba.core.registry import CPUDispatcher
from services.analysis.engine.warm import warm
warm()
from services.analysis.engine import kernels
from services.analysis.engine.verdict import ranking
loops = [
    loop for module in (kernels, ranking) for loop in vars(module).values() if isinstance(loop, CPUDispatcher)
]
"""

USED = """
import numpy as np
from services.analysis.engine import EngineConfig, fit_baseline
for rows, width, landmarks in ((1100, 3, 2000), (300, 40, 100), (30, 50, 2000)):
    for mode in ("kanadaSan", "random"):
        x = np.random.default_rng(0).standard_normal((rows, width)).round(2)
        names = [f"f_{place}" for place in range(width)]
        model = fit_baseline(
            np.asfortranarray(x), EngineConfig(mode=mode, imax=2, landmarks=landmarks), feature_names=names
        )
        later = x[:20] + 10.0
        later[3, 1] = np.nan
        model.score(later)
        model.explain(later)
        model.explain(later[:1], top=2)
"""

PRINTED = (
    "print(json.dumps([[len(loop.signatures), sum(loop.stats.cache_misses.values())] for loop in loops]))"
)


def ran(*parts: str) -> list[list[int]]:
    """Signatures and compilations of each compiled loop, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(parts)], capture_output=True, text=True, check=True
    )
    found: list[list[int]] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_warming_compiles_every_loop_for_all_that_the_engine_does_and_keeps_it() -> None:
    ran(WARMED, PRINTED)
    loops = ran(WARMED, USED, PRINTED)
    # One that others call need not be loaded by itself.
    assert sum(signatures for signatures, _ in loops) > 6
    assert all(signatures <= 1 and compiled == 0 for signatures, compiled in loops)
