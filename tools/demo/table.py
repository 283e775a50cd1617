"""Writes a recording as a CSV file with the column names that a new configuration expects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from tools.demo.rig import BINS, REGIMES, Recording

# Four digits after the point are below the sensor's noise.
DIGITS = 4
MACHINE_TAG = "rig-1"


def write_table(recording: Recording, path: Path) -> int:
    """Write metadata (the last column is `participant`) and f_0 to f_1023. Returns the size in bytes."""
    columns: dict[str, object] = {
        "sample": np.arange(len(recording)),
        "timestamp": [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in recording.times],
        "speed_rpm": np.round(recording.speed_rpm, 1),
        "load": np.round(recording.load, 3),
        "temperature_c": np.round(recording.temperature_c, 1),
        "regime": [REGIMES[number].name for number in recording.regime],
        "participant": [MACHINE_TAG] * len(recording),
    }
    rounded = np.round(recording.spectra, DIGITS)
    columns |= {f"f_{number}": rounded[:, number] for number in range(BINS)}
    csv.write_csv(pa.table(columns), path, csv.WriteOptions(quoting_style="needed"))
    return path.stat().st_size
