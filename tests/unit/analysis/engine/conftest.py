"""Data for the engine's tests: the reference data sets, if available, and small synthetic ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline

Floats = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[4].parent / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the reference data sets; they are not part of the repository."""
    if not DATA.is_dir():
        pytest.skip("the reference data sets are not here")
    return DATA


@pytest.fixture(scope="session")
def correlated() -> Floats:
    """300 samples of 12 correlated features in very different units."""
    generator = np.random.default_rng(7)
    mixing = generator.standard_normal((4, 12))
    samples = generator.standard_normal((300, 4)) @ mixing + 0.3 * generator.standard_normal((300, 12))
    return np.asarray(samples * np.geomspace(1e-3, 1e4, 12) + 50.0)


@pytest.fixture(scope="session")
def names() -> tuple[str, ...]:
    return tuple(f"sensor_{i}" for i in range(1, 13))


@pytest.fixture(scope="session")
def model(correlated: Floats, names: tuple[str, ...]) -> BaselineModel:
    return fit_baseline(correlated, EngineConfig(), feature_names=names)
