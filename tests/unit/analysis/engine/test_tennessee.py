"""The defaults on the Tennessee Eastman process, not tuned for any of its faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline, open_table, read_all

FAULTY_FROM = 160
CONFIG = EngineConfig(end_meta="faulty", start_dim="xmeas_1", end_dim="xmv_11")


def load(data: Path, name: str) -> NDArray[np.float64]:
    with open_table(data / name, name=name, config=CONFIG) as reader:
        return read_all(reader, file=name).features


@pytest.fixture(scope="module")
def process(data: Path) -> BaselineModel:
    x = load(data, "tep-normal.csv")
    return fit_baseline(x, CONFIG, feature_names=[f"v{i}" for i in range(x.shape[1])])


def test_false_alarms(process: BaselineModel, data: Path) -> None:
    found = float(process.score(load(data, "tep-normal-test.csv")).anomaly.mean())
    assert found <= 0.015
    assert found <= process.report.false_alarms_bound


def test_missed_detections(process: BaselineModel, data: Path) -> None:
    missed = [
        1.0 - float(process.score(load(data, f"tep-fault-{fault:02d}.csv")).anomaly[FAULTY_FROM:].mean())
        for fault in (1, 4, 5, 10, 13)
    ]
    assert np.mean(missed) <= 0.10
