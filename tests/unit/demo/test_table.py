"""The rig as a file."""

import csv
from pathlib import Path

import numpy as np

from tools.demo.rig import BINS, record_normal
from tools.demo.table import write_table


def test_the_file_has_the_names_that_a_new_configuration_expects(tmp_path: Path) -> None:
    recording = record_normal(5, np.random.default_rng(1))
    path = tmp_path / "rig.csv"
    assert write_table(recording, path) == path.stat().st_size
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header[header.index("participant") + 1] == "f_0"
    assert header[-1] == f"f_{BINS - 1}"
    assert [row[1] for row in rows[:2]] == ["2026-01-05T06:00:00Z", "2026-01-05T06:01:00Z"]
    values = np.array([row[-BINS:] for row in rows], dtype=float)
    assert np.abs(values - recording.spectra).max() < 1e-4
