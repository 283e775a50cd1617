"""Small generated measurement tables with the default column names, for tests that go through the API."""

import numpy as np
from numpy.typing import NDArray

FEATURES = 1024
METADATA = ("sample", "participant")
# Where the planted fault lies: a narrow band, as a defect frequency and its sidebands.
FAULT_BINS = slice(400, 404)


def spectra(rows: int, *, seed: int, features: int = FEATURES) -> NDArray[np.float64]:
    """Normal samples (rows x features): a fixed spectrum, two load-dependent shapes, and noise."""
    shape = np.random.default_rng(1)
    base = 1.0 + np.abs(shape.normal(size=features)).cumsum() % 3
    loads = np.abs(shape.normal(size=(2, features)))
    rng = np.random.default_rng(seed)
    weights = rng.normal(scale=0.3, size=(rows, 2))
    noise = rng.normal(scale=0.05, size=(rows, features))
    return base + weights @ loads + noise


def with_fault(samples: NDArray[np.float64], first: int, size: float = 1.0) -> NDArray[np.float64]:
    """The same samples with the fault band raised by `size` from row `first` on."""
    faulty = samples.copy()
    faulty[first:, FAULT_BINS] += size
    return faulty


def as_csv(samples: NDArray[np.float64], *, names: list[str] | None = None) -> bytes:
    """A CSV file with a sample number and `participant` before the features."""
    names = names or [f"f_{number}" for number in range(samples.shape[1])]
    lines = [",".join((*METADATA, *names))]
    for number, row in enumerate(samples):
        lines.append(f"{number},run," + ",".join(f"{value:.6f}" for value in row))
    return ("\n".join(lines) + "\n").encode()
