"""Exports of retired services, small ones, as their documentation describes them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime(2024, 3, 20, tzinfo=UTC)
STEP = timedelta(minutes=5)
ROWS = 600
TRAINED = 400
# From row 500 on, for 50 rows, the second sensor of the pump is broken.
BROKEN = range(500, 550)


def at(row: int) -> datetime:
    return START + row * STEP


def values() -> list[list[float]]:
    """Four sensors that belong together, with the fault."""
    generator = np.random.default_rng(7)
    mixed = generator.normal(size=(ROWS, 2)) @ np.array([[1.0, 0.5, -0.3, 0.8], [0.2, -0.7, 0.9, 0.4]])
    found = 50.0 + mixed + generator.normal(scale=0.3, size=(ROWS, 4))
    found[BROKEN.start : BROKEN.stop, 1] += 12.0
    rows: list[list[float]] = found.tolist()
    return rows


def write(path: Path, header: str, rows: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def lookout(folder: Path) -> Path:
    """Two components with a sensor of the same name, a schema, labels without a header, and a model."""
    table = values()
    american = [f"{at(row):%m/%d/%Y %H:%M}" for row in range(ROWS)]
    for component, first in (("pump", 0), ("motor", 2)):
        rows = [f"{american[row]},{table[row][first]!r},{table[row][first + 1]!r},run" for row in range(ROWS)]
        half = ROWS // 2
        write(folder / component / "a.csv", "Timestamp,speed,temperature_" + component + ",note", rows[:half])
        write(folder / component / "b.csv", "Timestamp,speed,temperature_" + component + ",note", rows[half:])
    schema = {
        "Components": [
            {
                "ComponentName": component,
                "Columns": [
                    {"Name": "Timestamp", "Type": "DATETIME"},
                    {"Name": "speed", "Type": "DOUBLE"},
                    {"Name": f"temperature_{component}", "Type": "DOUBLE"},
                    {"Name": "note", "Type": "CATEGORICAL"},
                ],
            }
            for component in ("pump", "motor")
        ]
    }
    (folder / "schema.json").write_text(json.dumps(schema))
    labels = [(20, 40), (BROKEN.start, BROKEN.stop)]
    write(
        folder / "labels" / "labels.csv",
        *(lambda lines: (lines[0], lines[1:]))(
            [
                f"{at(start):%Y-%m-%dT%H:%M:%S.000000},{at(end):%Y-%m-%dT%H:%M:%S.000000}"
                for start, end in labels
            ]
        ),
    )
    model = {
        "ModelArn": "arn:aws:lookoutequipment:eu-west-1:1:model/press/1",
        "DatasetName": "press-7",
        "TrainingDataStartTime": at(0).isoformat(),
        "TrainingDataEndTime": at(TRAINED).isoformat(),
        "EvaluationDataStartTime": at(TRAINED).isoformat(),
        "EvaluationDataEndTime": at(ROWS).isoformat(),
        "ModelMetrics": json.dumps(
            {
                "predicted_ranges": [
                    {"start": at(520).isoformat(), "end": at(540).isoformat(), "diagnostics": []}
                ]
            }
        ),
    }
    (folder / "model.json").write_text(json.dumps(model))
    return folder


def azure(folder: Path) -> Path:
    """A file per variable, and results of batch inference."""
    table = values()
    for place, name in enumerate(("flow", "pressure", "level", "current")):
        rows = [f"{at(row):%Y-%m-%dT%H:%M:%SZ},{table[row][place]!r}" for row in range(ROWS)]
        write(folder / f"{name}.csv", "timestamp,value", rows)
    return folder


def azure_model(path: Path) -> Path:
    info = {"startTime": f"{at(0):%Y-%m-%dT%H:%M:%SZ}", "endTime": f"{at(TRAINED):%Y-%m-%dT%H:%M:%SZ}"}
    path.write_text(json.dumps({"modelId": "1", "modelInfo": info}))
    return path


def azure_results(path: Path) -> Path:
    results = [
        {"timestamp": f"{at(row):%Y-%m-%dT%H:%M:%SZ}", "value": {"isAnomaly": row in range(505, 530)}}
        for row in range(TRAINED, ROWS)
    ]
    path.write_text(json.dumps({"summary": {"status": "READY"}, "results": results}))
    return path
