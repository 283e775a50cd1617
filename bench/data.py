"""Data for the engine's benchmarks: generated spectra, and reference data sets outside the repository."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.analysis.engine import Chunk, EngineConfig, open_table, read_all

Floats = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

TENNESSEE = EngineConfig(end_meta="faulty", start_dim="xmeas_1", end_dim="xmv_11")
TURBOFAN = EngineConfig(end_meta="cycle", start_dim="setting_1", end_dim="sensor_21")

BINS, HARMONICS = 1024, 8
SIDE_PEAKS = (2.7, 5.4, 8.1)


def read(folder: Path, name: str, config: EngineConfig) -> tuple[Chunk, tuple[str, ...]]:
    """A reference file as a single chunk, and its feature names."""
    with open_table(folder / name, name=name, config=config) as reader:
        return read_all(reader, file=name), reader.features


def spectra(rows: int, seed: int = 1) -> Floats:
    """Vibration spectra (rows, 1024): harmonics of speed and load, wear peaks, noise."""
    samples = np.empty((rows, BINS))
    for part, block in _blocks(samples):
        generator = np.random.default_rng([seed, part])
        bins = np.arange(BINS)
        load, wear = generator.uniform(0.5, 1.5, (len(block), 1)), generator.gamma(2.0, 0.2, (len(block), 1))
        speed = generator.uniform(0.97, 1.03, (len(block), 1))
        block[:] = 0.02 * generator.standard_normal(block.shape)
        for harmonic in range(1, HARMONICS + 1):
            block += load / harmonic * np.exp(-(((bins - 100 * harmonic * speed) / 4.0) ** 2))
        for place in SIDE_PEAKS:
            block += wear * np.exp(-(((bins - 100 * place * speed) / 6.0) ** 2))
    return samples


def _blocks(samples: Floats, size: int = 1000) -> Iterator[tuple[int, Floats]]:
    return ((part, samples[start : start + size]) for part, start in enumerate(range(0, len(samples), size)))
