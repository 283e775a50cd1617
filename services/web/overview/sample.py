"""The sample rig: a pump whose bearing begins to fail, in measurements that are made up here.

A visitor registers it with one click. Its page then asks again and again, and what is not there yet is
uploaded: first a fortnight in which the pump was healthy, then its last day. To ask twice does no harm.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.web.api.client import Json
from services.web.errors import ApiError
from services.web.sessions.visit import Visit

Floats = NDArray[np.float64]

SAMPLE_TAG = "sample"
SAMPLE_RIG: Json = {"name": "Sample rig", "tags": [SAMPLE_TAG]}
RULE: Json = {
    "name": "Abnormal for some time",
    "condition": {
        "version": 1,
        "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.5, "recover": 1.1},
        "trigger": {"mode": "m_of_n", "m": 3, "n": 5},
    },
    "actions": {"version": 1, "steps": []},
    "severity": "high",
}
SEED = 7
NORMAL, NORMAL_EVERY = 672, timedelta(minutes=30)
LATEST, LATEST_EVERY = 96, timedelta(minutes=15)
# The share of the last day after which the bearing begins to fail.
ONSET = 0.6
TIME = "time"
# Of each sensor: its value at rest, what full load and the worst fault add, and its noise (1 sd).
SENSORS: Mapping[str, tuple[float, float, float, float]] = {
    "vibration_drive_end_mm_s": (0.8, 1.6, 3.2, 0.07),
    "vibration_free_end_mm_s": (0.7, 1.1, 0.7, 0.06),
    "vibration_axial_mm_s": (0.4, 0.5, 0.8, 0.04),
    "bearing_temperature_drive_end_c": (38.0, 19.0, 11.0, 0.5),
    "bearing_temperature_free_end_c": (37.0, 16.0, 2.0, 0.5),
    "oil_temperature_c": (34.0, 14.0, 2.5, 0.4),
    "oil_pressure_bar": (1.6, 0.4, -0.1, 0.02),
    "motor_current_a": (62.0, 118.0, 4.0, 1.2),
    "flow_m3_h": (40.0, 210.0, -4.0, 2.5),
    "suction_pressure_bar": (1.4, -0.3, 0.0, 0.02),
    "discharge_pressure_bar": (3.1, 4.6, -0.1, 0.05),
    "acoustic_emission_db": (31.0, 9.0, 12.0, 0.6),
}


class Step(StrEnum):
    LEARNING = "learning"
    JUDGING = "judging"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the sample rig has come; `share` (0 to 1) is of the present step."""

    step: Step
    share: float = 0.0


async def register(visit: Visit) -> str:
    """Make the machine and return its id. Its page does the rest. Raises ApiError."""
    return str((await visit.post("/machines", SAMPLE_RIG))["id"])


async def advance(visit: Visit, machine: Json) -> Progress:
    """Upload what is not there yet, and say how far it is. Raises ApiError."""
    found = (await visit.get("/analyses", machine_id=machine["id"], limit=50))["items"]
    baseline, run = _first(found, "baseline"), _first(found, "monitoring")
    if baseline is None:
        await _upload(visit, machine, "baseline", _normal(_began(machine)))
        return Progress(Step.LEARNING)
    if "failed" in (baseline["status"], (run or baseline)["status"]):
        return Progress(Step.FAILED)
    if baseline["status"] != "completed":
        return Progress(Step.LEARNING, float(baseline["progress"]))
    if run is None:
        await _watch(visit, machine)
        await _upload(visit, machine, "monitoring", _latest(_began(machine)))
        return Progress(Step.JUDGING)
    if run["status"] == "completed":
        return Progress(Step.DONE, 1.0)
    return Progress(Step.JUDGING, float(run["progress"]))


def _first(analyses: Sequence[Json], kind: str) -> Json | None:
    return next((each for each in analyses if each["analysis_type"] == kind), None)


def _began(machine: Json) -> datetime:
    """When the last day ends. The same at each call, so that a repeated upload is the same request."""
    return datetime.fromisoformat(machine["created_at"]).replace(second=0, microsecond=0)


async def _upload(visit: Visit, machine: Json, kind: str, table: bytes) -> None:
    sensors = list(SENSORS)
    config = {"end_meta": TIME, "start_dim": sensors[0], "end_dim": sensors[-1], "time_column": TIME}
    fields = {"machine_id": str(machine["id"]), "analysis_type": kind, "config": json.dumps(config)}
    key = f"sample-{kind}-{machine['id']}"
    await visit.upload("/analyses", fields, (f"{kind}.csv", table), key=key)


async def _watch(visit: Visit, machine: Json) -> None:
    """A rule, so that there is an alert to look at; who may make none does without."""
    try:
        rules = await visit.get("/alert-rules", machine_id=machine["id"], limit=1)
        if not rules["items"]:
            await visit.post("/alert-rules", {**RULE, "machine_id": machine["id"]})
    except ApiError as error:
        if error.status != 403:
            raise


def _normal(end: datetime) -> bytes:
    start = end - LATEST * LATEST_EVERY - NORMAL * NORMAL_EVERY
    return _table(start, NORMAL_EVERY, np.zeros(NORMAL), np.random.default_rng(SEED))


def _latest(end: datetime) -> bytes:
    grown = (np.arange(LATEST) / (LATEST - 1) - ONSET) / (1 - ONSET)
    fault = np.clip(grown, 0.0, 1.0) ** 1.5
    return _table(end - LATEST * LATEST_EVERY, LATEST_EVERY, fault, np.random.default_rng(SEED + 1))


def _table(start: datetime, every: timedelta, fault: Floats, rng: np.random.Generator) -> bytes:
    """A CSV file with a row for each entry of `fault` (0 to 1)."""
    hours = np.arange(len(fault)) * every.total_seconds() / 3600 + start.hour
    load = 0.62 + 0.22 * np.sin(2 * np.pi * hours / 24) + 0.06 * rng.standard_normal(len(fault))
    load = np.clip(load, 0.1, 1.0)
    columns = [
        rest + loaded * load + failing * fault + noise * rng.standard_normal(len(fault))
        for rest, loaded, failing, noise in SENSORS.values()
    ]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([TIME, *SENSORS])
    for number, values in enumerate(np.column_stack(columns)):
        writer.writerow([(start + number * every).isoformat(), *(f"{value:.3f}" for value in values)])
    return text.getvalue().encode()
